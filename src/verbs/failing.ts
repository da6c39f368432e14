import { type ErrorContext, LadingError } from "../errors.ts";

/** Runs work whose failures should say what they were about; what they say already wins. */
export async function failing<T>(context: ErrorContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof LadingError ? error.with(context) : error;
  }
}
