/** Two pinned spans side by side: what each read, the largest difference first. */
import { useMemo } from "preact/hooks";
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import type { FileReads } from "../../src/shared/evidence.js";
import { percent, t } from "../l10n.js";
import { Bar } from "../ui/Bar.js";
import { Button, TextLink } from "../ui/controls.js";
import { PathText } from "../ui/PathText.js";
import { shortPath } from "../ui/safeText.js";
import type { EvidenceAction, EvidenceState, Pin } from "./store.js";
import { differences } from "./differences.js";
import { nameOf, spanWords } from "./summary.js";
import { useQuery } from "./useQuery.js";

const ROWS = 200;

export function Compare(props: {
  readonly state: EvidenceState;
  readonly first: Pin;
  readonly second: Pin;
  readonly ask: (pin: Pin) => Promise<FileReads>;
  readonly dispatch: Dispatch<EvidenceAction>;
}): JSX.Element {
  const { state, first, second, ask, dispatch } = props;
  const a = useQuery(JSON.stringify(first), () => ask(first));
  const b = useQuery(JSON.stringify(second), () => ask(second));
  const rows = useMemo(() => differences(a, b), [a, b]);
  const most = Math.max(...rows.map((row) => Math.max(row.a, row.b)), 1e-9);
  const files = state.meta?.files ?? [];
  return (
    <section class="panel sources compare" aria-labelledby="compare-title">
      <div class="panel-head">
        <h2 id="compare-title">{t("Compare shares")}</h2>
        <Button
          onPress={() => {
            dispatch({ t: "unpin", at: 1 });
            dispatch({ t: "unpin", at: 0 });
          }}
        >
          {t("Done")}
        </Button>
      </div>
      <div class="table-twin" tabIndex={0} role="region" aria-label={t("Shares of the two pins")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("File")}</th>
              <th scope="col">{pinLabel("A", first)}</th>
              <th scope="col">{pinLabel("B", second)}</th>
              <th scope="col">{t("B − A")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, ROWS).map((row) => (
              <tr key={row.file}>
                <th scope="row">
                  <TextLink onPress={() => dispatch({ t: "file", file: row.file })}>
                    <PathText path={shortPath(nameOf(files, row.file), 40)} />
                  </TextLink>
                </th>
                <td>
                  {percent(row.a)}
                  <Bar value={row.a / most} />
                </td>
                <td>
                  {percent(row.b)}
                  <Bar value={row.b / most} />
                </td>
                <td>{differenceText(row.b - row.a)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function pinLabel(name: string, { span }: Pin): string {
  return `${name}: ${spanWords(span)}`;
}

/** No sign where nothing is left after rounding. */
function differenceText(difference: number): string {
  const amount = percent(Math.abs(difference));
  if (amount === percent(0)) return amount;
  return `${difference > 0 ? "+" : "−"}${amount}`;
}
