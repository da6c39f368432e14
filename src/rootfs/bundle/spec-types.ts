/**
 * The part of an OCI runtime configuration (`config.json`) that is written here.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md
 */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly process: RuntimeProcess;
  readonly hostname: string;
  readonly mounts: readonly Mount[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: LinuxSpec;
}

export interface RuntimeProcess {
  readonly terminal: boolean;
  readonly user: RuntimeUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Capabilities;
  readonly noNewPrivileges: boolean;
}

export interface RuntimeUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

export interface Capabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
}

export interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface LinuxSpec {
  readonly namespaces: readonly { readonly type: Namespace }[];
  readonly uidMappings?: readonly RuntimeIdMapping[];
  readonly gidMappings?: readonly RuntimeIdMapping[];
  readonly resources?: {
    readonly devices: readonly { readonly allow: boolean; readonly access: string }[];
  };
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
}

export type Namespace = "pid" | "network" | "ipc" | "uts" | "mount" | "cgroup" | "user";

export interface RuntimeIdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}
