// Image big: eight gzip layers out of Debian packages, as real images have them. Made once, kept in a cache.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  access,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { sh } from "./measure.mjs";

const LAYERS = [
  ["bash", "coreutils", "dpkg", "apt", "grep", "sed", "tar", "gzip", "findutils", "util-linux"],
  ["ca-certificates", "openssl", "netbase", "tzdata", "curl", "procps"],
  ["python3", "python3-pip", "python3-numpy"],
  ["gcc", "g++", "make", "libc6-dev"],
  ["linux-headers-amd64"],
  ["npm", "nodejs"],
  ["openjdk-17-jre-headless", "libllvm14"],
  ["git", "vim-runtime", "perl-doc"],
];

/** The folder of an OCI layout with the image `latest`. */
export function imageBig(cache) {
  return cached(cache, "big", async (layout, work) => {
    console.error("making image big out of Debian packages; this takes some minutes, once");
    await makeLayout(layout, await makeTars(work));
  });
}

/** The base, the small packages and the last layer of big. */
export async function imageDebian(cache) {
  const big = await imageBig(cache);
  return cached(cache, "debian", async (layout, work) => {
    const layers = await layersOf(big);
    const tars = [];
    for (const [index, { digest }] of [layers[0], layers[1], layers.at(-1)].entries()) {
      const tar = join(work, `layer${index}.tar`);
      await sh(`gzip -dc ${big}/blobs/sha256/${digest.slice(7)} > ${tar}; gzip -6nk ${tar}`);
      tars.push(tar);
    }
    await makeLayout(layout, tars);
  });
}

/** The same image, its layers compressed with zstd. */
export function zstdTwin(cache, image) {
  return cached(cache, "big-zstd", async (layout, work) => {
    const tars = [];
    for (const [index, { digest }] of (await layersOf(image)).entries()) {
      const tar = join(work, `layer${index}.tar`);
      await sh(`gzip -dc ${image}/blobs/sha256/${digest.slice(7)} > ${tar}; zstd -q -3 ${tar}`);
      tars.push(tar);
    }
    await makeLayout(layout, tars, { suffix: "zst", name: "zstd" });
  });
}

/** An image of so many layers and files in all, for scaling: files of 2 KB, 50 in a directory. */
export async function imageOf(folder, { layers, files }) {
  const tars = [];
  await mkdir(folder);
  for (let layer = 0; layer < layers; layer += 1) {
    const tar = join(folder, `layer${layer}.tar`);
    const count = Math.ceil(files / layers);
    await sh(`python3 - ${tar} ${layer} ${count} <<'PY'
import io, sys, tarfile
path, layer, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
    for n in range(count):
        if n % 50 == 0:
            folder = tarfile.TarInfo(f"l{layer}/d{n // 50}"); folder.type = tarfile.DIRTYPE; folder.mode = 0o755; tar.addfile(folder)
        entry = tarfile.TarInfo(f"l{layer}/d{n // 50}/f{n}"); content = (f"{layer} {n} " * 200).encode()[:2048]; entry.size = len(content); tar.addfile(entry, io.BytesIO(content))
PY
gzip -1nk ${tar}`);
    tars.push(tar);
  }
  await makeLayout(join(folder, "layout"), tars);
  return join(folder, "layout");
}

async function cached(cache, name, make) {
  const layout = join(cache, name);
  const there = await access(join(layout, "index.json")).then(
    () => true,
    () => false,
  );
  if (there) return layout;
  const work = await mkdtemp(join(tmpdir(), "lading-bench-"));
  try {
    await make(join(work, "layout"), work);
    await mkdir(cache, { recursive: true });
    await cp(join(work, "layout"), `${layout}.new`, { recursive: true });
    await rename(`${layout}.new`, layout);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return layout;
}

async function layersOf(layout) {
  const read = async (path) => JSON.parse(await readFile(path, "utf8"));
  const { manifests } = await read(join(layout, "index.json"));
  const manifest = join(layout, "blobs", "sha256", manifests[0].digest.slice(7));
  return (await read(manifest)).layers;
}

async function makeTars(work) {
  const seen = new Set();
  const tars = [];
  for (const [index, packages] of LAYERS.entries()) {
    const [debs, files] = [join(work, `debs${index}`), join(work, `files${index}`)];
    await mkdir(join(debs, "partial"), { recursive: true });
    await mkdir(files);
    const state = `-o Dir::State::status=/dev/null -o Dir::Cache::archives=${debs}`;
    const options = `${state} -o Debug::NoLocking=1 -o APT::Sandbox::User=root`;
    await sh(
      `apt-get -qq ${options} --no-install-recommends --download-only -y install ${packages.join(" ")}`,
    );
    for (const deb of (await readdir(debs)).filter((name) => name.endsWith(".deb"))) {
      const [name] = deb.split("_");
      if (seen.has(name)) continue;
      seen.add(name);
      await sh(`dpkg-deb -x ${join(debs, deb)} ${files}`);
    }
    const tar = join(work, `layer${index}.tar`);
    await sh(
      `tar --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner -cf ${tar} -C ${files} .`,
    );
    await rm(files, { recursive: true });
    await rm(debs, { recursive: true });
    tars.push(tar);
  }
  await sh(`ls ${work}/*.tar | xargs -P $(nproc) -I{} gzip -6nk {}`);
  return tars;
}

/** An image of one layer that no compression makes smaller. */
export async function imageLarge(folder, size) {
  const tar = join(folder, "layer.tar");
  await mkdir(folder);
  const random =
    "openssl enc -aes-128-ctr -nosalt -pass pass:bench -pbkdf2 -in /dev/zero 2>/dev/null";
  await sh(`(${random} || true) | head -c ${size} > ${folder}/random.bin || true`);
  await sh(`tar -cf ${tar} -C ${folder} random.bin && rm ${folder}/random.bin && gzip -1nk ${tar}`);
  await makeLayout(join(folder, "layout"), [tar]);
  return join(folder, "layout");
}

async function makeLayout(layout, tars, { suffix, name } = { suffix: "gz", name: "gzip" }) {
  const blobs = join(layout, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const layers = [];
  const diffIds = [];
  for (const tar of tars) {
    diffIds.push(`sha256:${await sha256(tar)}`);
    const hex = await sha256(`${tar}.${suffix}`);
    const { size } = await stat(`${tar}.${suffix}`);
    await rename(`${tar}.${suffix}`, join(blobs, hex));
    layers.push({ mediaType: `${OCI}.layer.v1.tar+${name}`, digest: `sha256:${hex}`, size });
    console.error(`  ${basename(tar)} ${(size / 1e6).toFixed(1)} MB`);
  }
  const put = async (mediaType, document) => {
    const bytes = Buffer.from(JSON.stringify(document));
    const hex = createHash("sha256").update(bytes).digest("hex");
    await writeFile(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const rootfs = { type: "layers", diff_ids: diffIds };
  const config = await put(`${OCI}.config.v1+json`, { architecture: "amd64", os: "linux", rootfs });
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = await put(mediaType, { schemaVersion: 2, mediaType, config, layers });
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  await writeFile(join(layout, "index.json"), JSON.stringify(index));
}

const OCI = "application/vnd.oci.image";

async function sha256(path) {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(bytes);
  return hash.digest("hex");
}
