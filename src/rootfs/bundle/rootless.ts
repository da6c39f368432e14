import { LadingError } from "../../errors.ts";
import { MAX_ID } from "./accounts.ts";
import type { Mount, RuntimeIdMapping, RuntimeSpec } from "./spec-types.ts";

/** Who starts the bundle on the host: the container's root is this user, and nobody else exists. */
export interface RootlessIds {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The bundle as a user without privileges can start it: a user namespace of one id, the host's network
 * (an empty one could not be furnished without root), no cgroups.
 */
export function rootless(
  spec: RuntimeSpec,
  ids: RootlessIds,
  warn: (message: string) => void,
): RuntimeSpec {
  const { resources: _, namespaces, ...linux } = spec.linux;
  const { user } = spec.process;
  if (user.uid !== 0 || user.gid !== 0) {
    // Its capabilities stay those of the user it wanted to be: with noNewPrivileges it gains none.
    warn(
      `the image runs as ${user.uid}:${user.gid}; without root it runs as you, seen as root inside`,
    );
  }
  const kept = namespaces.filter(({ type }) => type !== "network" && type !== "cgroup");
  return {
    ...spec,
    process: { ...spec.process, user: { uid: 0, gid: 0 } },
    mounts: rootlessMounts(spec.mounts),
    linux: {
      ...linux,
      namespaces: [...kept, { type: "user" }],
      uidMappings: [toRoot(ids.uid)],
      gidMappings: [toRoot(ids.gid)],
    },
  };
}

function toRoot(hostID: number): RuntimeIdMapping {
  if (!Number.isInteger(hostID) || hostID < 0 || hostID > MAX_ID) {
    throw new LadingError("usage", `not an id: ${hostID}`, { hint: `an id is in 0–${MAX_ID}` });
  }
  return { containerID: 0, hostID, size: 1 };
}

/** Group 5 is not mapped; a sysfs belongs to a network namespace, which is the host's. */
function rootlessMounts(mounts: readonly Mount[]): readonly Mount[] {
  const kept = mounts.filter(({ destination }) => !/^\/sys(\/|$)/.test(destination));
  const options = ["rbind", "nosuid", "noexec", "nodev", "ro"];
  return [
    ...kept.map((mount) => ({
      ...mount,
      options: mount.options.filter((option) => !/^[ug]id=/.test(option)),
    })),
    { destination: "/sys", type: "none", source: "/sys", options },
  ];
}
