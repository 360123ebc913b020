import { useEffect, useState } from "preact/hooks";

/**
 * Another number after each change of the theme, which rewrites the class of the body: what is
 * painted on a canvas must be painted anew.
 */
export function useThemeVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const observer = new MutationObserver(() => setVersion((v) => v + 1));
    observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    return () => observer.disconnect();
  }, []);
  return version;
}
