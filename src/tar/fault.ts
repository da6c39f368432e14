/** What is wrong with a tar. The reader says of which entry, and where it stands. */
export class TarFault extends Error {
  override readonly name = "TarFault";
}
