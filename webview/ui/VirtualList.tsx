import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";

/** Rows of one height, of which only those in view are in the document. */
export function VirtualList(props: {
  readonly count: number;
  readonly rowHeight: number;
  readonly label: string;
  readonly active: number;
  readonly row: (at: number) => ComponentChildren;
  readonly onMove: (to: number) => void;
  readonly onEnter: () => void;
}): JSX.Element {
  const { count, rowHeight, label, active, row } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 400 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = (): void => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || active < 0) return;
    const top = active * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight;
    }
  }, [active, rowHeight]);
  const first = Math.max(0, Math.floor(view.top / rowHeight) - 4);
  const last = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + 4);
  const rows: JSX.Element[] = [];
  for (let at = first; at < last; at++) {
    rows.push(
      <div
        key={at}
        id={`row-${at}`}
        role="option"
        aria-selected={at === active}
        aria-posinset={at + 1}
        aria-setsize={count}
        class={`virtual-row ${at === active ? "active" : ""}`}
        style={{ top: `${at * rowHeight}px`, height: `${rowHeight}px` }}
        onClick={() => props.onMove(at)}
        onDblClick={() => {
          props.onMove(at);
          props.onEnter();
        }}
      >
        {row(at)}
      </div>,
    );
  }
  return (
    <div
      ref={box}
      class="virtual-list"
      role="listbox"
      aria-label={label}
      tabIndex={0}
      {...(active >= first && active < last ? { "aria-activedescendant": `row-${active}` } : {})}
      onScroll={(event) =>
        setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })
      }
      onKeyDown={(event) => {
        const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
        const to = moved(event.key, active, count, page);
        if (to !== undefined) props.onMove(to);
        else if (event.key === "Enter" || event.key === " ") props.onEnter();
        else return;
        event.preventDefault();
      }}
    >
      <div role="presentation" style={{ height: `${count * rowHeight}px` }}>
        {rows}
      </div>
    </div>
  );
}

function moved(key: string, active: number, count: number, page: number): number | undefined {
  const last = count - 1;
  switch (key) {
    case "ArrowDown":
      return Math.min(last, active + 1);
    case "ArrowUp":
      return Math.max(0, active - 1);
    case "PageDown":
      return Math.min(last, active + page);
    case "PageUp":
      return Math.max(0, active - page);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return undefined;
  }
}
