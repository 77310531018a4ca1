"use client";
import { LatchkeyProvider } from "latchkey-client/react";
import type { ReactNode } from "react";

import { LATCHKEY_URL } from "../lib/url";

export function Providers({ children }: { children: ReactNode }) {
  return <LatchkeyProvider url={LATCHKEY_URL}>{children}</LatchkeyProvider>;
}
