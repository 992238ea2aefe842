// The channel's status, asked of the origin every two seconds; slower when the origin does not answer.

import { isRecord } from "@vitrine/player";

/** What the page makes of `GET /v1/channels/{channel}`. */
export interface ChannelStatus {
  readonly status: "idle" | "starting" | "live" | "away" | "ended" | "unknown";
  readonly session: string | null;
  /** Path of the multivariant playlist on this origin. */
  readonly playback: string | null;
}

export interface StatusListener {
  status(status: ChannelStatus): void;
  /** The origin cannot be reached (true), or answers again (false). */
  unreachable(unreachable: boolean): void;
}

const POLL_MS = 2000;
const UNKNOWN_POLL_MS = 10_000;
const MAX_POLL_MS = 15_000;
const TIMEOUT_MS = 6000;
const STATUSES = ["idle", "starting", "live", "away", "ended"] as const;

export function watchStatus(channel: string, listener: StatusListener): void {
  let failures = 0;
  const poll = async () => {
    let wait = POLL_MS;
    try {
      const status = await fetchStatus(channel);
      failures = 0;
      listener.unreachable(false);
      listener.status(status);
      if (status.status === "unknown") wait = UNKNOWN_POLL_MS;
    } catch {
      failures += 1;
      wait = Math.min(MAX_POLL_MS, POLL_MS * 1.6 ** failures);
      if (failures >= 2) listener.unreachable(true);
    }
    window.setTimeout(poll, wait);
  };
  void poll();
}

async function fetchStatus(channel: string): Promise<ChannelStatus> {
  const response = await fetch(`/v1/channels/${encodeURIComponent(channel)}`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    cache: "no-store",
  });
  if (response.status === 404) return { status: "unknown", session: null, playback: null };
  if (!response.ok) throw new Error(`status ${response.status}`);
  return readStatus(await response.json());
}

/** The status from its JSON; throws when it is not one. */
export function readStatus(value: unknown): ChannelStatus {
  const status = isRecord(value) && STATUSES.find((known) => known === value["status"]);
  if (!isRecord(value) || !status) throw new Error("not a channel status");
  const { session, playback } = value;
  return {
    status,
    session: typeof session === "string" ? session : null,
    playback: typeof playback === "string" && /^\/(?!\/)/.test(playback) ? playback : null,
  };
}
