import type { Database, Row } from "../../disk/sqlite.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { parseDiffId, parseDigest } from "../../oci/digest.ts";
import { parsePlatform } from "../../oci/platform.ts";
import type { StoredImage, StoredLayer, StoredManifest } from "../types.ts";

/** All named images, by name. */
export function readImages(database: Database): readonly StoredImage[] {
  const layers = groupBy(
    database
      .prepare(
        `SELECT manifest, position, l.digest, media_type, size, diff_id
         FROM manifest_layer ml JOIN layer l ON l.digest = ml.digest ORDER BY manifest, position`,
      )
      .all(),
    "manifest",
  );
  const manifests = groupBy(
    database
      .prepare(
        `SELECT reference, platform, m.digest, media_type, size, config, config_media_type,
           config_size
         FROM image i JOIN manifest m ON m.digest = i.manifest ORDER BY reference, position`,
      )
      .all(),
    "reference",
  );
  return database
    .prepare("SELECT * FROM name ORDER BY reference")
    .all()
    .map((row) => ({
      reference: text(row, "reference"),
      descriptor: descriptor(row, "digest", "media_type", "descriptor_size"),
      manifests: (manifests.get(text(row, "reference")) ?? []).map((manifest) =>
        storedManifest(manifest, layers.get(text(manifest, "digest")) ?? []),
      ),
      pulledAt: time(row, "pulled_at"),
      usedAt: time(row, "used_at"),
      size: Number(row.total_size),
    }));
}

/** What each name means, without what is below it. */
export function readNames(database: Database): ReadonlyMap<string, NameRow> {
  const rows = database.prepare("SELECT * FROM name").all();
  return new Map(
    rows.map((row) => [
      text(row, "reference"),
      {
        descriptor: descriptor(row, "digest", "media_type", "descriptor_size"),
        pulledAt: time(row, "pulled_at"),
      },
    ]),
  );
}

export interface NameRow {
  readonly descriptor: Descriptor;
  readonly pulledAt: number | undefined;
}

/** The hash of the `index.json` that the catalog reflects. */
export function readIndexHash(database: Database): string | undefined {
  const row = database.prepare("SELECT value FROM meta WHERE key = 'index'").get();
  return row === undefined ? undefined : text(row, "value");
}

function storedManifest(row: Row, layers: readonly Row[]): StoredManifest {
  return {
    platform: parsePlatform(text(row, "platform")),
    descriptor: descriptor(row, "digest", "media_type", "size"),
    config: descriptor(row, "config", "config_media_type", "config_size"),
    layers: layers.map(storedLayer),
  };
}

function storedLayer(row: Row): StoredLayer {
  return {
    position: Number(row.position),
    descriptor: descriptor(row, "digest", "media_type", "size"),
    diffId: parseDiffId(text(row, "diff_id")),
  };
}

function descriptor(row: Row, digest: string, mediaType: string, size: string): Descriptor {
  return {
    mediaType: text(row, mediaType),
    digest: parseDigest(text(row, digest)),
    size: Number(row[size]),
  };
}

function groupBy(rows: readonly Row[], column: string): ReadonlyMap<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = text(row, column);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

function text(row: Row, column: string): string {
  return String(row[column]);
}

function time(row: Row, column: string): number | undefined {
  const value = row[column];
  return value === null || value === undefined ? undefined : Number(value);
}
