import { useEffect, useRef, useState } from "preact/hooks";

/**
 * The answer to the latest question, asked again when `key` changes. One question is under way at a
 * time, and only the latest of those that came meanwhile is asked next: brushing never queues up.
 * The last answer stays on screen until the next one is there.
 */
export function useQuery<T>(key: string, ask: (() => Promise<T>) | undefined): T | undefined {
  const [answer, setAnswer] = useState<T>();
  const latest = useRef(ask);
  latest.current = ask;
  const underWay = useRef(false);
  const again = useRef(false);
  const isMounted = useRef(true);
  useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);
  useEffect(() => {
    const run = (): void => {
      const question = latest.current;
      if (question === undefined) return;
      if (underWay.current) {
        again.current = true;
        return;
      }
      underWay.current = true;
      again.current = false;
      question()
        .then(
          (value) => {
            if (isMounted.current) setAnswer(() => value);
          },
          () => undefined, // the channel was closed, and with it this view
        )
        .finally(() => {
          underWay.current = false;
          if (again.current && isMounted.current) run();
        });
    };
    run();
  }, [key]);
  return answer;
}
