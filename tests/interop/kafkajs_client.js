// kafkajs as its users write programs: sends with a codec, or shares a topic in a group.
//
// usage: node kafkajs_client.js HOST:PORT produce TOPIC CODEC PREFIX COUNT
//        node kafkajs_client.js HOST:PORT member TOPIC GROUP
//        node kafkajs_client.js HOST:PORT copy SOURCE SINK GROUP COUNT
//
// What a member prints: see languages.py. kafkajs knows neither static members nor the cooperative
// strategy, and of the codecs gzip alone; the others are plugged in, as its manual says.
"use strict";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require("kafkajs");
const lz4 = require("lz4-napi");
const snappy = require("kafkajs-snappy");
const { ZstdCodec } = require("zstd-codec");

CompressionCodecs[CompressionTypes.Snappy] = snappy;
const zstd = new Promise((resolve) => ZstdCodec.run((z) => resolve(new z.Streaming())));
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async (bytes) => Buffer.from((await zstd).decompress(bytes)),
});
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (bytes) => lz4.decompressFrame(bytes),
});
const types = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const [address, verb, topic, ...rest] = process.argv.slice(2);
const kafka = new Kafka({ brokers: [address], logLevel: logLevel.ERROR });

async function produce(codec, prefix, count) {
  const producer = kafka.producer();
  await producer.connect();
  const messages = [...Array(Number(count)).keys()].map((i) => ({ value: `${prefix}-${i}` }));
  await producer.send({ topic, acks: -1, compression: types[codec], messages });
  await producer.disconnect();
}

async function beMember(groupId) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 300 });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const owned = (payload.memberAssignment[topic] || []).sort((a, b) => a - b);
    process.stdout.write(["+", ...owned].join(" ") + "\n");
  });
  consumer.on(consumer.events.REBALANCING, () => process.stdout.write("+\n"));
  process.on("SIGTERM", async () => {
    await consumer.disconnect(); // commits what was read
    process.exit(0);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ partition, message }) => {
      process.stdout.write(`${partition} ${message.offset} ${message.value.toString()}\n`);
    },
  });
}

async function copy(sink, groupId, count) {
  const transactionalId = `${groupId}-copier`;
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId });
  await producer.connect();
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  let left = Number(count);
  let done;
  const finished = new Promise((resolve) => (done = resolve));
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      if (left === 0) return;
      const transaction = await producer.transaction();
      await transaction.send({ topic: sink, messages: [{ value: message.value }] });
      const offset = (BigInt(message.offset) + 1n).toString();
      const topics = [{ topic, partitions: [{ partition, offset }] }];
      await transaction.sendOffsets({ consumerGroupId: groupId, topics });
      await transaction.commit();
      const ghost = await producer.transaction();
      await ghost.send({ topic: sink, messages: [{ value: "ghost" }] });
      await ghost.abort();
      left -= 1;
      if (left === 0) done();
    },
  });
  await finished;
  await consumer.disconnect();
  await producer.disconnect();
}

const verbs = { produce, member: beMember, copy };
verbs[verb](...rest).catch((error) => {
  console.error(error);
  process.exit(1);
});
