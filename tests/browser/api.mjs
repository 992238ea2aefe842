// The origin's control API, as the scripts use it.

/** The status of a channel. */
export async function channelStatus(origin, channel) {
  const response = await fetch(`${origin}/v1/channels/${channel}`);
  if (!response.ok) throw new Error(`no status: ${response.status}`);
  return response.json();
}

/** Posts a show event; fails with the server's own words. */
export async function post(origin, channel, token, event) {
  const response = await fetch(`${origin}/v1/channels/${channel}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(`event refused: ${JSON.stringify(answer)}`);
  return answer;
}
