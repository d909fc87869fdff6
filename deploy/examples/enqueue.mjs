// Puts one commit request on Trueup's queue. Node.js 18 or newer, no packages.
//
//   TRUEUP_BROKER_URL=redis://… TRUEUP_TOKEN=tu_… node enqueue.mjs < request.json
//
// Prints the request's id: the id of the commit that it makes, and what `trueup requests show` takes.
import { createHash, createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:net";

const broker = new URL(process.env.TRUEUP_BROKER_URL);
const [, keyId, secret] = process.env.TRUEUP_TOKEN.split("_");
const account = process.env.TRUEUP_ACCOUNT ?? "default";
const queue = "commits"; // for bulk: "commits.bulk"

// The request. Its body is pasted as text: JSON.parse would turn 12345678901234567.89 into another number.
const id = randomUUID();
const body = readFileSync(0, "utf8");
const meta = JSON.stringify({ v: 1, account, sent_at: new Date().toISOString() });
const requests = `[{"id":"${id}","kind":"commit","body":${body}}]`;

// The signature: over the task's name, the time, and both arguments as they travel. The secret stays here.
const task = "commits.create";
const seconds = Math.floor(Date.now() / 1000);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const key = createHmac("sha256", secret).update("trueup-queue-v1").digest();
const signed = ["v1", task, keyId, seconds, sha256(meta), sha256(requests)].join("\n");
const signature = `v1,${keyId},${seconds},${createHmac("sha256", key).update(signed).digest("base64url")}`;

// The message: Celery's protocol 2, as its Redis transport expects it in a list.
const args = JSON.stringify([[meta, requests], {}, {}]);
const message = JSON.stringify({
  body: Buffer.from(args).toString("base64"),
  "content-type": "application/json",
  "content-encoding": "utf-8",
  headers: { lang: "js", task, id, root_id: id, "trueup-signature": signature },
  properties: {
    correlation_id: id,
    body_encoding: "base64",
    delivery_mode: 2,
    delivery_tag: randomUUID(),
    delivery_info: { exchange: "", routing_key: queue },
    priority: 0,
  },
});

// Redis speaks lines: the number of words, then each word behind its length. A client library does this for you.
const command = (...words) =>
  `*${words.length}\r\n` + words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
const login = broker.password ? command("AUTH", broker.username || "default", decodeURIComponent(broker.password)) : "";
const select = command("SELECT", broker.pathname.slice(1) || "0");

const socket = connect(Number(broker.port || 6379), broker.hostname);
socket.setTimeout(10_000, () => socket.destroy(new Error("the broker does not answer")));
socket.write(login + select + command("LPUSH", queue, message) + command("QUIT"));
let answer = "";
socket.on("data", (chunk) => (answer += chunk));
socket.on("end", () => {
  if (/^-/m.test(answer) || !/^:\d+/m.test(answer)) throw new Error(`the broker refused: ${answer}`);
  console.log(id);
});
