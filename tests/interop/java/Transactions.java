// Transactions with Kafka's own client: it chooses version 2 (KIP-890) when the broker announces it.
//
// usage: java -cp JARS Transactions.java ADDRESS
//
// Writes with aborts, copies in a group, fences a zombie, and looks with the admin client. Prints a
// line for each thing that was as it should be, and ends with an exception at the first that was not.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Transactions {
  static final int PARTITIONS = 3;
  static String address;

  static KafkaProducer<String, String> producer(String id) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", address);
    settings.put("transactional.id", id);
    var made = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    made.initTransactions();
    return made;
  }

  static KafkaConsumer<String, String> consumer(String group) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", address);
    settings.put("group.id", group);
    settings.put("isolation.level", "read_committed");
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", false);
    return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
  }

  static List<String> committed(String topic, int count) {
    List<TopicPartition> partitions = new ArrayList<>();
    for (int i = 0; i < PARTITIONS; i++) partitions.add(new TopicPartition(topic, i));
    List<String> found = new ArrayList<>();
    try (var consumer = consumer("readers")) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long end = System.currentTimeMillis() + 20_000;
      while (found.size() < count && System.currentTimeMillis() < end)
        consumer.poll(Duration.ofMillis(200)).forEach(record -> found.add(record.value()));
      // What should not be there would come now.
      consumer.poll(Duration.ofMillis(300)).forEach(record -> found.add(record.value()));
    }
    Collections.sort(found);
    return found;
  }

  static void expect(boolean holds, String what) {
    if (!holds) throw new IllegalStateException("not so: " + what);
    System.out.println(what);
  }

  static List<String> write(int count) {
    List<String> written = new ArrayList<>();
    try (var producer = producer("writer")) {
      for (int n = 0; n < count; n++) {
        boolean commit = n % 3 != 1;
        producer.beginTransaction();
        for (int i = 0; i < 9; i++) {
          String value = n + "/" + i;
          producer.send(new ProducerRecord<>("source", i % PARTITIONS, null, value));
          if (commit) written.add(value);
        }
        if (commit) {
          producer.commitTransaction();
        } else {
          producer.flush();
          producer.abortTransaction();
        }
      }
      producer.beginTransaction();
      producer.abortTransaction();
      producer.beginTransaction();
      producer.commitTransaction();
    }
    Collections.sort(written);
    return written;
  }

  /** Every second round is aborted, and the consumer begins anew from what is committed. */
  static void copy(int count) {
    KafkaConsumer<String, String> consumer = null;
    try (var producer = producer("copier")) {
      for (int copied = 0, round = 0; copied < count; ) {
        if (consumer == null) {
          consumer = consumer("copiers");
          consumer.subscribe(List.of("source"));
        }
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(500));
        if (records.isEmpty()) continue;
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        producer.beginTransaction();
        for (ConsumerRecord<String, String> record : records) {
          producer.send(new ProducerRecord<>("sink", record.partition(), null, record.value()));
          offsets.put(
              new TopicPartition(record.topic(), record.partition()),
              new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (round++ % 2 == 1) {
          producer.commitTransaction();
          copied += records.count();
        } else {
          producer.abortTransaction();
          consumer.close();
          consumer = null;
        }
      }
    }
    if (consumer != null) consumer.close();
  }

  static boolean zombieIsFenced() throws Exception {
    try (var zombie = producer("zombie")) {
      zombie.beginTransaction();
      zombie.send(new ProducerRecord<>("source", 0, null, "zombie")).get();
      try (var heir = producer("zombie")) {
        heir.beginTransaction();
        heir.send(new ProducerRecord<>("source", 0, null, "heir")).get();
        heir.commitTransaction();
      }
      zombie.commitTransaction();
      return false;
    } catch (KafkaException fenced) {
      return true;
    }
  }

  public static void main(String[] arguments) throws Exception {
    address = arguments[0];
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
      admin
          .createTopics(
              List.of(
                  new NewTopic("source", PARTITIONS, (short) 1),
                  new NewTopic("sink", PARTITIONS, (short) 1)))
          .all()
          .get();
      final int count = 30;
      List<String> written = write(count);
      expect(committed("source", written.size()).equals(written), "what was committed is read");
      var writer = admin.describeTransactions(List.of("writer")).description("writer").get();
      expect(writer.state() == TransactionState.COMPLETE_COMMIT, "its last transaction is complete");
      expect(writer.producerEpoch() >= count, "each transaction took an epoch");
      copy(written.size());
      expect(committed("sink", written.size()).equals(written), "the copy is exact");
      expect(zombieIsFenced(), "a zombie is fenced");
      written.add("heir");
      Collections.sort(written);
      expect(committed("source", written.size()).equals(written), "what it wrote is not read");
      expect(admin.listTransactions().all().get().size() == 3, "all transactional ids are listed");
    }
  }
}
