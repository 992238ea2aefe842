// How the stream does, from the channel's status.

import { isRecord } from "@vitrine/player";

export interface Health {
  readonly phase: string;
  readonly viewers: number | null;
  /** What is sent and made of it: a name and a figure each. */
  readonly figures: readonly (readonly [string, string])[];
  /** What the broadcaster should change. */
  readonly advice: readonly string[];
}

/** What a studio tells of `GET /v1/channels/{channel}`. */
export function readHealth(value: unknown): Health {
  const status = isRecord(value) ? value : {};
  const publication = isRecord(status["publication"]) ? status["publication"] : null;
  const video = publication && isRecord(publication["video"]) ? publication["video"] : null;
  const renditions = Array.isArray(status["renditions"]) ? status["renditions"].filter(isRecord) : [];
  const shed = renditions.filter((rendition) => rendition["state"] === "shed");
  const slowest = renditions.map((rendition) => rendition["encode_speed"]).filter((speed) => typeof speed === "number");
  const figures: [string, string][] = [];
  if (publication) figures.push(["Encoder", String(publication["encoder"] ?? publication["protocol"])]);
  if (video) figures.push(["Picture", `${video["width"]}×${video["height"]}${video["frame_rate"] ? ` · ${Math.round(Number(video["frame_rate"]))} fps` : ""}`]);
  if (renditions.length) figures.push(["Renditions", shed.length ? `${renditions.length - shed.length} of ${renditions.length}` : String(renditions.length)]);
  if (slowest.length) figures.push(["Encoding", `${Math.min(...slowest).toFixed(1)}× real time`]);
  if (isRecord(status["standby"])) figures.push(["Backup", status["standby"]["ready"] === true ? "ready" : "not ready"]);
  return {
    phase: typeof status["status"] === "string" ? status["status"] : "unknown",
    viewers: typeof status["viewers"] === "number" ? status["viewers"] : null,
    figures,
    advice: Array.isArray(status["advice"]) ? status["advice"].filter((line) => typeof line === "string") : [],
  };
}
