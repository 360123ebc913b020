import type { JSX } from "preact";

/** A horizontal bar, `value` and `second` in 0..1 of its width. The number beside it says the same. */
export function Bar(props: { readonly value: number; readonly second?: number }): JSX.Element {
  const width = (value: number): string => `${Math.max(0, Math.min(1, value)) * 100}%`;
  return (
    <span class="bar" aria-hidden="true">
      <span class="bar-fill" style={{ width: width(props.value) }} />
      {props.second === undefined ? null : (
        <span class="bar-second" style={{ width: width(props.second) }} />
      )}
    </span>
  );
}
