// What kafkajs users do: make a topic, send with keys and gzip, share a group, look at offsets.
// usage: node kafkajs_test.js HOST:PORT; prints the last line "ok" when all went well.
"use strict";

const assert = require("assert");
const { CompressionTypes, Kafka, logLevel } = require("kafkajs");

const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.ERROR });
const COUNT = 200;

async function readAll(groupId, count) {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topics: ["js"], fromBeginning: true });
  const got = [];
  let done;
  const finished = new Promise((resolve) => (done = resolve));
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      got.push({ partition, key: message.key.toString(), value: message.value.toString() });
      if (got.length >= count) done();
    },
  });
  await finished;
  await consumer.disconnect();
  return got;
}

async function main() {
  const admin = kafka.admin();
  await admin.connect();
  assert(await admin.createTopics({ topics: [{ topic: "js", numPartitions: 3 }] }));
  assert((await admin.listTopics()).includes("js"));

  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const numbers = [...Array(COUNT).keys()];
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const messages = numbers.map((i) => ({ key: `k${i % 7}`, value: `${compression}:${i}` }));
    await producer.send({ topic: "js", acks: -1, compression, messages });
  }
  await producer.disconnect();

  const got = await readAll("js-group", 2 * COUNT);
  assert.strictEqual(got.length, 2 * COUNT);
  assert.strictEqual(new Set(got.map((record) => record.value)).size, 2 * COUNT);
  for (const key of new Set(got.map((record) => record.key))) {
    const own = got.filter((record) => record.key === key);
    assert.strictEqual(new Set(own.map((record) => record.partition)).size, 1);
    const order = own.map((record) => record.value.split(":").map(Number));
    const sorted = [...order].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    assert.deepStrictEqual(order, sorted);
  }

  const [offsets] = await admin.fetchOffsets({ groupId: "js-group", topics: ["js"] });
  const committed = offsets.partitions.reduce((sum, p) => sum + Number(p.offset), 0);
  assert.strictEqual(committed, 2 * COUNT);
  const ends = await admin.fetchTopicOffsets("js");
  assert.strictEqual(ends.reduce((sum, p) => sum + Number(p.high), 0), 2 * COUNT);
  const { groups } = await admin.describeGroups(["js-group"]);
  assert.strictEqual(groups[0].state, "Empty");
  await admin.deleteGroups(["js-group"]);
  await admin.deleteTopicRecords({ topic: "js", partitions: [{ partition: 0, offset: "1" }] });
  await admin.deleteTopics({ topics: ["js"] });
  await admin.disconnect();
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
