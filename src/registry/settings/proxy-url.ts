import { LadingError } from "../../errors.ts";
import type { ProxyUrl } from "./types.ts";

/**
 * The address of a proxy, as a variable or a file names it: `http://[user:password@]host[:port]`. Without
 * a scheme it is http. The text may hold a password, so no error repeats it.
 */
export function parseProxyUrl(text: string): ProxyUrl {
  const url = urlOf(text.trim());
  if (url === undefined || url.hostname === "") throw invalid("it is no URL");
  if (/^socks/.test(url.protocol)) {
    throw new LadingError(
      "unsupported",
      `a proxy that speaks ${url.protocol.slice(0, -1)} is not supported`,
      {
        hint: "lading speaks to proxies in http and https; put one of those in front of it",
      },
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw invalid(`${url.protocol.slice(0, -1)} is not http or https`);
  }
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "") {
    throw invalid("it has a path or a query");
  }
  return url as ProxyUrl;
}

/** A proxy that may be shown: no user, no password. */
export function showProxy(proxy: ProxyUrl): string {
  return proxy.username === "" && proxy.password === ""
    ? proxy.origin
    : `${proxy.protocol}//…@${proxy.host}`;
}

function urlOf(text: string): URL | undefined {
  // `proxy.lan:3128` would be a URL of the scheme `proxy.lan`.
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  return URL.canParse(whole) ? new URL(whole) : undefined;
}

function invalid(why: string): LadingError {
  return new LadingError("usage", `the address of a proxy is not right: ${why}`, {
    hint: "write it as http://[user:password@]host[:port]",
  });
}
