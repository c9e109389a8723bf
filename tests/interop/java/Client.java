// Kafka's own client as its users write programs: sends with a codec, or shares a topic in a group.
//
// usage: java -cp JARS Client.java HOST:PORT produce TOPIC CODEC PREFIX COUNT
//        java -cp JARS Client.java HOST:PORT member TOPIC GROUP [OPTION=VALUE...]
//
// What a member prints, and its options: see languages.py.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Client {
  static void produce(String address, String topic, String codec, String prefix, int count)
      throws Exception {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", address);
    settings.put("compression.type", codec);
    List<Future<?>> sent = new ArrayList<>();
    try (var producer =
        new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < count; i++)
        sent.add(producer.send(new ProducerRecord<>(topic, prefix + "-" + i)));
      for (Future<?> future : sent) future.get();
    }
  }

  /** Prints all partitions that the member has, whenever that changes. */
  static class Report implements ConsumerRebalanceListener {
    final TreeSet<Integer> owned = new TreeSet<>();

    public void onPartitionsAssigned(Collection<TopicPartition> places) {
      places.forEach(place -> owned.add(place.partition()));
      show();
    }

    public void onPartitionsRevoked(Collection<TopicPartition> places) {
      places.forEach(place -> owned.remove(place.partition()));
      show();
    }

    void show() {
      StringBuilder line = new StringBuilder("+");
      owned.forEach(partition -> line.append(' ').append(partition));
      System.out.println(line);
    }
  }

  static Map<String, Object> settings(String address, String group, Map<String, String> options) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", address);
    settings.put("group.id", group);
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", false);
    settings.put("metadata.max.age.ms", 1000);
    if (options.containsKey("instance")) settings.put("group.instance.id", options.get("instance"));
    if ("consumer".equals(options.get("protocol"))) {
      settings.put("group.protocol", "consumer");
      return settings;
    }
    boolean cooperative = "cooperative".equals(options.get("strategy"));
    settings.put("session.timeout.ms", 6000);
    settings.put("heartbeat.interval.ms", 300);
    settings.put(
        "partition.assignment.strategy",
        "org.apache.kafka.clients.consumer."
            + (cooperative ? "CooperativeStickyAssignor" : "RangeAssignor"));
    return settings;
  }

  static void beMember(String address, String topic, String group, Map<String, String> options)
      throws Exception {
    var consumer =
        new KafkaConsumer<>(
            settings(address, group, options), new StringDeserializer(), new StringDeserializer());
    Thread main = Thread.currentThread();
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  consumer.wakeup();
                  try {
                    main.join();
                  } catch (InterruptedException stopped) {
                    Thread.currentThread().interrupt();
                  }
                }));
    consumer.subscribe(List.of(topic), new Report());
    try {
      while (true) {
        var records = consumer.poll(Duration.ofMillis(200));
        records.forEach(r -> System.out.println(r.partition() + " " + r.offset() + " " + r.value()));
        try {
          if (!records.isEmpty()) consumer.commitSync(); // partitions are given up by `poll` alone
        } catch (CommitFailedException late) {
          System.err.println(late);
        }
      }
    } catch (WakeupException asked) {
      consumer.commitSync(); // a commit may be what was woken up
      consumer.close();
    }
  }

  public static void main(String[] args) throws Exception {
    if (args[1].equals("produce")) {
      produce(args[0], args[2], args[3], args[4], Integer.parseInt(args[5]));
      return;
    }
    Map<String, String> options = new HashMap<>();
    for (int i = 4; i < args.length; i++) {
      String[] parts = args[i].split("=", 2);
      options.put(parts[0], parts[1]);
    }
    beMember(args[0], args[2], args[3], options);
  }
}
