import type { Database } from "../../disk/sqlite.ts";
import type { ImageConfig } from "../../oci/config.ts";
import type { ReadImage } from "../names/read-image.ts";
import type { StoredManifest } from "../types.ts";

/** Writes one named image; inside a transaction. What the name meant before is forgotten. */
export function writeImage(database: Database, { image, configs }: ReadImage): void {
  const { reference, descriptor, manifests, size, pulledAt } = image;
  if (reference === undefined) return;
  database
    .prepare(
      `INSERT INTO name (reference, digest, media_type, descriptor_size, total_size, pulled_at)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (reference) DO UPDATE SET digest = excluded.digest,
         media_type = excluded.media_type, descriptor_size = excluded.descriptor_size,
         total_size = excluded.total_size, pulled_at = excluded.pulled_at`,
    )
    .run(
      reference,
      descriptor.digest,
      descriptor.mediaType,
      descriptor.size,
      size,
      pulledAt ?? null,
    );
  database.prepare("DELETE FROM image WHERE reference = ?").run(reference);
  for (const [position, manifest] of manifests.entries()) {
    const config = configs.get(manifest.config.digest);
    if (config !== undefined) writeConfig(database, manifest.config.digest, config);
    writeManifest(database, manifest);
    database
      .prepare(
        `INSERT INTO image (reference, position, platform, media_type, manifest)
         VALUES (?, ?, ?, ?, ?)`,
      )
      .run(
        reference,
        position,
        JSON.stringify(manifest.platform),
        manifest.descriptor.mediaType,
        manifest.descriptor.digest,
      );
  }
}

export function deleteName(database: Database, reference: string): void {
  database.prepare("DELETE FROM name WHERE reference = ?").run(reference);
}

/** Rows that no name reaches any more; the blobs are collection's business. */
export function deleteOrphans(database: Database): void {
  database.exec(`
    DELETE FROM manifest WHERE digest NOT IN (SELECT manifest FROM image);
    DELETE FROM layer WHERE digest NOT IN (SELECT digest FROM manifest_layer);
    DELETE FROM config WHERE digest NOT IN (SELECT config FROM manifest);
  `);
}

export function touchName(database: Database, reference: string, usedAt: number): void {
  database.prepare("UPDATE name SET used_at = ? WHERE reference = ?").run(usedAt, reference);
}

/** Until the hash is written again, nobody takes the catalog for what `index.json` says. */
export function forgetIndexHash(database: Database): void {
  database.prepare("DELETE FROM meta WHERE key = 'index'").run();
}

export function writeIndexHash(database: Database, hash: string): void {
  database
    .prepare(
      `INSERT INTO meta (key, value) VALUES ('index', ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    )
    .run(hash);
}

function writeManifest(database: Database, manifest: StoredManifest): void {
  const { descriptor, config, layers } = manifest;
  database
    .prepare(
      `INSERT INTO manifest (digest, size, config, config_media_type, config_size)
       VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
    )
    .run(descriptor.digest, descriptor.size, config.digest, config.mediaType, config.size);
  for (const { position, descriptor: layer, diffId } of layers) {
    database
      .prepare("INSERT INTO layer (digest, size) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING")
      .run(layer.digest, layer.size);
    database
      .prepare(
        `INSERT INTO manifest_layer (manifest, position, digest, media_type, diff_id)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (manifest, position) DO NOTHING`,
      )
      .run(descriptor.digest, position, layer.digest, layer.mediaType, diffId);
  }
}

function writeConfig(database: Database, digest: string, config: ImageConfig): void {
  const { execution } = config;
  database
    .prepare(
      `INSERT INTO config (digest, platform, created, author, user, env, entrypoint, cmd,
         working_dir, labels, stop_signal, exposed_ports, volumes, shell, healthcheck, diff_ids,
         history)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
    )
    .run(
      digest,
      JSON.stringify(config.platform),
      config.created ?? null,
      config.author ?? null,
      execution.user ?? null,
      JSON.stringify(execution.env),
      json(execution.entrypoint),
      json(execution.cmd),
      execution.workingDir ?? null,
      JSON.stringify(execution.labels),
      execution.stopSignal ?? null,
      JSON.stringify(execution.exposedPorts),
      JSON.stringify(execution.volumes),
      json(execution.shell),
      json(execution.healthcheck),
      JSON.stringify(config.diffIds),
      JSON.stringify(config.history),
    );
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
