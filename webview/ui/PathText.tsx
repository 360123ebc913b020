import { Fragment } from "preact";
import type { JSX } from "preact";

/** A path that breaks between its folders before it breaks in a name. `path` is safe to show. */
export function PathText({ path }: { readonly path: string }): JSX.Element {
  return (
    <>
      {path.split(/(?<=\/)/).map((part, at) => (
        <Fragment key={at}>
          {at === 0 ? null : <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  );
}
