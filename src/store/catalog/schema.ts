/**
 * The catalog's tables, one migration after another; `user_version` counts those that were applied.
 * Everything but `used_at` can be made again from the disk.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE config (
    digest TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    created TEXT,
    author TEXT,
    user TEXT,
    env TEXT NOT NULL,
    entrypoint TEXT,
    cmd TEXT,
    working_dir TEXT,
    labels TEXT NOT NULL,
    stop_signal TEXT,
    exposed_ports TEXT NOT NULL,
    volumes TEXT NOT NULL,
    shell TEXT,
    healthcheck TEXT,
    diff_ids TEXT NOT NULL,
    history TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE manifest (
    digest TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    config TEXT NOT NULL REFERENCES config (digest),
    config_media_type TEXT NOT NULL,
    config_size INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE layer (
    digest TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE manifest_layer (
    manifest TEXT NOT NULL REFERENCES manifest (digest) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    digest TEXT NOT NULL REFERENCES layer (digest),
    diff_id TEXT NOT NULL,
    PRIMARY KEY (manifest, position)
  ) WITHOUT ROWID;

  CREATE TABLE name (
    reference TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    descriptor_size INTEGER NOT NULL,
    total_size INTEGER NOT NULL,
    pulled_at INTEGER,
    used_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE image (
    reference TEXT NOT NULL REFERENCES name (reference) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    platform TEXT NOT NULL,
    manifest TEXT NOT NULL REFERENCES manifest (digest),
    PRIMARY KEY (reference, position)
  ) WITHOUT ROWID;
  CREATE INDEX image_manifest ON image (manifest);
  `,
  // A media type belongs to who names the content: one layer is OCI's here and docker's there. And a
  // platform is kept as JSON. All but the names is read from the disk again.
  `
  DROP TABLE image;
  DROP TABLE manifest_layer;
  DROP TABLE manifest;
  DROP TABLE layer;
  DELETE FROM config;
  DELETE FROM meta;

  CREATE TABLE manifest (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    config TEXT NOT NULL REFERENCES config (digest),
    config_media_type TEXT NOT NULL,
    config_size INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE layer (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE manifest_layer (
    manifest TEXT NOT NULL REFERENCES manifest (digest) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    digest TEXT NOT NULL REFERENCES layer (digest),
    media_type TEXT NOT NULL,
    diff_id TEXT NOT NULL,
    PRIMARY KEY (manifest, position)
  ) WITHOUT ROWID;

  CREATE TABLE image (
    reference TEXT NOT NULL REFERENCES name (reference) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    platform TEXT NOT NULL,
    media_type TEXT NOT NULL,
    manifest TEXT NOT NULL REFERENCES manifest (digest),
    PRIMARY KEY (reference, position)
  ) WITHOUT ROWID;
  CREATE INDEX image_manifest ON image (manifest);
  `,
];
