/**
 * Whether people mean a registry where a reference means an image of docker.io: `ghcr.io`,
 * `127.0.0.1:5000`, `localhost`. `alpine:3` is an image, and so is `my.image:latest`.
 */
export function isHostAlone(text: string): boolean {
  return HOST_ALONE.test(text);
}

const HOST_ALONE = /^(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|\[[a-f0-9:]+\])(?::[0-9]{1,5})?$/i;
