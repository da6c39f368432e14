// Unpacks images in a process of its own, perhaps another user's: one answer for each message.
import path from "node:path";

const dist = path.resolve(process.env.LADING_DIST ?? "dist");
const { open, LadingError } = await import(path.join(dist, "index.js"));

process.on("message", async ({ id, umask, ...request }) => {
  const before = umask === undefined ? undefined : process.umask(umask);
  const warnings = [];
  const error = await unpack(request, warnings).then(
    () => undefined,
    (failure) =>
      failure instanceof LadingError
        ? failure.toJSON()
        : { code: "not ours", message: String(failure?.stack) },
  );
  if (before !== undefined) process.umask(before);
  process.send({ id, error, warnings });
});
process.send("ready");

async function unpack({ root, native, reference, directory, options, cached }, warnings) {
  const onEvent = (event) => {
    if (event.type === "warning") warnings.push(event.message);
  };
  const lading = await open({ root, native, onEvent });
  try {
    if (cached) await lading.pull(reference, { unpack: options });
    await lading.unpack(reference, directory, options);
  } finally {
    await lading[Symbol.asyncDispose]();
  }
}
