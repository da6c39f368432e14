import type { Database, Row } from "../../disk/sqlite.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { parseDiffId, parseDigest } from "../../oci/digest.ts";
import { optionalString, optionalStrings, present, requiredString } from "../../oci/fields.ts";
import { isObject, type JsonObject, type JsonValue } from "../../oci/json.ts";
import { formatPlatform, type Platform } from "../../oci/platform.ts";
import type { StoredImage, StoredLayer, StoredManifest } from "../types.ts";

/** All named images, by name. */
export function readImages(database: Database): readonly StoredImage[] {
  const layers = groupBy(
    database
      .prepare(
        `SELECT manifest, position, l.digest, ml.media_type, size, diff_id
         FROM manifest_layer ml JOIN layer l ON l.digest = ml.digest ORDER BY manifest, position`,
      )
      .all(),
    "manifest",
  );
  const manifests = groupBy(
    database
      .prepare(
        `SELECT reference, platform, m.digest, i.media_type, size, config, config_media_type,
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
  const platforms = groupBy(
    database.prepare("SELECT reference, platform FROM image ORDER BY reference, position").all(),
    "reference",
  );
  const rows = database.prepare("SELECT * FROM name").all();
  return new Map(
    rows.map((row) => [
      text(row, "reference"),
      {
        descriptor: descriptor(row, "digest", "media_type", "descriptor_size"),
        pulledAt: time(row, "pulled_at"),
        platforms: (platforms.get(text(row, "reference")) ?? []).map((image) =>
          formatPlatform(platformOf(image)),
        ),
      },
    ]),
  );
}

export interface NameRow {
  readonly descriptor: Descriptor;
  readonly pulledAt: number | undefined;
  readonly platforms: readonly string[];
}

/** The hash of the `index.json` that the catalog reflects. */
export function readIndexHash(database: Database): string | undefined {
  const row = database.prepare("SELECT value FROM meta WHERE key = 'index'").get();
  return row === undefined ? undefined : text(row, "value");
}

function storedManifest(row: Row, layers: readonly Row[]): StoredManifest {
  return {
    platform: platformOf(row),
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

/**
 * Kept as JSON: what a config calls its platform need not be what `parsePlatform` reads. One that can't
 * be read all the same must not hide the other images.
 */
function platformOf(row: Row): Platform {
  try {
    const value: JsonValue = JSON.parse(text(row, "platform"));
    if (isObject(value)) return platformFrom(value);
  } catch {
    // As below.
  }
  return { os: "unknown", architecture: "unknown" };
}

function platformFrom(value: JsonObject): Platform {
  const where = "catalog, platform";
  return {
    os: requiredString(value, "os", where),
    architecture: requiredString(value, "architecture", where),
    ...present("variant", optionalString(value, "variant", where)),
    ...present("osVersion", optionalString(value, "osVersion", where)),
    ...present("osFeatures", optionalStrings(value, "osFeatures", where)),
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
