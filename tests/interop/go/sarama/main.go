// What users of sarama do: send with each codec, and share a topic in a group.
//
// usage: sarama ADDRESS produce TOPIC CODEC PREFIX COUNT
//
//	sarama ADDRESS member TOPIC GROUP [OPTION=VALUE...]
//	sarama ADDRESS copy SOURCE SINK GROUP COUNT
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"millrace/tests/interop/member"
)

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func produce(address, topic, codec, prefix string, count int) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1 // what sarama asks of idempotent producers
	config.Producer.Return.Successes = true
	config.Producer.Compression = codecs[codec]
	producer, err := sarama.NewSyncProducer([]string{address}, config)
	check(err)
	var records []*sarama.ProducerMessage
	for i := 0; i < count; i++ {
		value := sarama.StringEncoder(fmt.Sprintf("%s-%d", prefix, i))
		records = append(records, &sarama.ProducerMessage{Topic: topic, Value: value})
	}
	check(producer.SendMessages(records))
	check(producer.Close())
}

// handler marks what it prints. Marks are committed now and then, and before a partition is given up.
type handler struct {
	report member.Report
}

func (h *handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	h.report.Gained(claim.Partition())
	defer h.report.Lost(claim.Partition())
	for record := range claim.Messages() {
		h.report.Read(record.Partition, record.Offset, record.Value)
		session.MarkMessage(record, "")
	}
	return nil
}

func beMember(address, topic, group string, options member.Options) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.Group.InstanceId = options["instance"]
	if options["strategy"] == "cooperative" {
		config.Consumer.Group.Rebalance.GroupStrategies =
			[]sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
	consumer, err := sarama.NewConsumerGroup([]string{address}, group, config)
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := member.Stopped()
	go func() {
		<-stopped
		cancel()
	}()
	work := &handler{}
	for ctx.Err() == nil {
		err := consumer.Consume(ctx, []string{topic}, work)
		if err != nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) {
			fmt.Fprintln(os.Stderr, err) // the broker may be away; the next round tries again
			time.Sleep(100 * time.Millisecond)
		}
	}
	check(consumer.Close())
}

// copier copies each record in a transaction that commits its offset as well.
type copier struct {
	producer    sarama.SyncProducer
	sink, group string
	left        int
	mutex       sync.Mutex
	done        func()
}

func (c *copier) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (c *copier) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (c *copier) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for record := range claim.Messages() {
		c.copy(record)
	}
	return nil
}

func (c *copier) copy(record *sarama.ConsumerMessage) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.left == 0 {
		return
	}
	c.send(record.Value)
	check(c.producer.AddMessageToTxn(record, c.group, nil))
	check(c.producer.CommitTxn())
	c.send([]byte("ghost"))
	check(c.producer.AbortTxn())
	c.left--
	if c.left == 0 {
		c.done()
	}
}

// send begins a transaction with a record.
func (c *copier) send(value []byte) {
	check(c.producer.BeginTxn())
	_, _, err := c.producer.SendMessage(
		&sarama.ProducerMessage{Topic: c.sink, Value: sarama.ByteEncoder(value)})
	check(err)
}

func copyAll(address, source, sink, group string, count int) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1 // what sarama asks of idempotent producers
	config.Producer.Return.Successes = true
	config.Producer.Transaction.ID = group + "-copier"
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	producer, err := sarama.NewSyncProducer([]string{address}, config)
	check(err)
	consumer, err := sarama.NewConsumerGroup([]string{address}, group, config)
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	work := &copier{producer: producer, sink: sink, group: group, left: count, done: cancel}
	for ctx.Err() == nil {
		check(consumer.Consume(ctx, []string{source}, work))
	}
	check(consumer.Close())
	check(producer.Close())
}

func main() {
	address, verb, topic := os.Args[1], os.Args[2], os.Args[3]
	if verb == "copy" {
		count, err := strconv.Atoi(os.Args[6])
		check(err)
		copyAll(address, topic, os.Args[4], os.Args[5], count)
		return
	}
	if verb == "produce" {
		count, err := strconv.Atoi(os.Args[6])
		check(err)
		produce(address, topic, os.Args[4], os.Args[5], count)
		return
	}
	beMember(address, topic, os.Args[4], member.ParseOptions(os.Args[5:]))
}
