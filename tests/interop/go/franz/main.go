// Transactions with franz-go, which speaks version 2 of them (KIP-890): partitions join by being
// written to, and each end takes a new epoch.
//
// usage: franz ADDRESS all TRANSACTIONS   everything below, one after the other
//
//	franz ADDRESS fill RECORDS       writes that many numbers to `source`
//	franz ADDRESS copy RECORDS       copies `source` to `sink` in transactions, until it is killed
//	franz ADDRESS check RECORDS      waits for that many in `sink`, and compares it with `source`
//	franz ADDRESS produce TOPIC CODEC PREFIX COUNT
//	franz ADDRESS member TOPIC GROUP [OPTION=VALUE...]
//
// `all` writes to two topics in transactions of which every third is aborted, copies one of them to a
// third topic in a group, aborting every second round, and checks what readers of committed data see.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"millrace/tests/interop/member"
)

const partitions = 3

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func create(ctx context.Context, client *kgo.Client, names ...string) {
	request := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range names {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, client)
	check(err)
	for _, topic := range response.Topics {
		if topic.ErrorCode != 0 {
			panic(fmt.Sprintf("%s: error %d", topic.Topic, topic.ErrorCode))
		}
	}
}

// write commits two of three transactions and gives what they wrote.
func write(ctx context.Context, address string, count int) map[string]bool {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.TransactionalID("franz-writer"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	check(err)
	defer client.Close()
	committed := map[string]bool{}
	for n := 0; n < count; n++ {
		check(client.BeginTransaction())
		commit := n%3 != 1
		for i := 0; i < 12; i++ {
			value := fmt.Sprintf("%d/%d", n, i)
			topic := []string{"source", "other"}[i%2]
			record := &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: []byte(value)}
			client.Produce(ctx, record, func(_ *kgo.Record, err error) { check(err) })
			if commit && topic == "source" {
				committed[value] = true
			}
		}
		check(client.Flush(ctx))
		check(client.EndTransaction(ctx, kgo.TransactionEndTry(commit)))
	}
	return committed
}

// copyAll moves everything from source to sink, exactly once, in a group.
func copyAll(ctx context.Context, address string, count int) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(address),
		kgo.TransactionalID("franz-copier"), kgo.ConsumerGroup("franz-copiers"),
		kgo.ConsumeTopics("source"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets())
	check(err)
	defer session.Close()
	for copied, round := 0, 0; copied < count; round++ {
		fetches := session.PollRecords(ctx, 20)
		check(fetches.Err())
		check(session.Begin())
		records := fetches.Records()
		for _, record := range records {
			session.Produce(ctx, &kgo.Record{Topic: "sink", Value: record.Value},
				func(_ *kgo.Record, err error) {
					if !errors.Is(err, kgo.ErrAborting) { // what an abort does to records not yet sent
						check(err)
					}
				})
		}
		ended, err := session.End(ctx, kgo.TransactionEndTry(round%2 == 0))
		check(err)
		if ended {
			copied += len(records)
		}
	}
}

// read gives every committed value of a topic, and fails on one that comes twice.
func read(ctx context.Context, address, topic string, count int) map[string]bool {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	check(err)
	defer client.Close()
	found := map[string]bool{}
	for len(found) < count {
		fetches := client.PollFetches(ctx)
		check(fetches.Err())
		for _, record := range fetches.Records() {
			value := string(record.Value)
			if found[value] {
				panic("twice: " + value)
			}
			found[value] = true
		}
	}
	// Whatever is left would come now.
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if late := client.PollFetches(short); late.NumRecords() > 0 {
		panic("more than was committed: " + string(late.Records()[0].Value))
	}
	return found
}

// epochs shows that each end of a transaction takes a new epoch: the sign of version 2.
func epochs(ctx context.Context, address string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.TransactionalID("franz-epochs"))
	check(err)
	defer client.Close()
	var first, second int16
	for n, epoch := range []*int16{&first, &second} {
		check(client.BeginTransaction())
		check(client.ProduceSync(ctx, &kgo.Record{Topic: "other", Value: []byte(strconv.Itoa(n))}).FirstErr())
		_, *epoch, err = client.ProducerID(ctx)
		check(err)
		check(client.EndTransaction(ctx, kgo.TryCommit))
	}
	if second != first+1 {
		panic(fmt.Sprintf("epoch %d came after epoch %d: the client does not use version 2", second, first))
	}
}

// zombies shows that a producer whose id was taken over cannot end its transaction.
func zombies(ctx context.Context, address string) {
	begin := func() *kgo.Client {
		client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.TransactionalID("franz-zombie"))
		check(err)
		check(client.BeginTransaction())
		check(client.ProduceSync(ctx, &kgo.Record{Topic: "zombies", Value: []byte("x")}).FirstErr())
		return client
	}
	zombie := begin()
	defer zombie.Close()
	heir := begin()
	defer heir.Close()
	if err := zombie.EndTransaction(ctx, kgo.TryCommit); err == nil {
		panic("a zombie committed")
	}
	check(heir.EndTransaction(ctx, kgo.TryCommit))
	read(ctx, address, "zombies", 1)
}

// fill writes numbers to the partitions in turn.
func fill(ctx context.Context, address string, count int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("source"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	check(err)
	defer client.Close()
	create(ctx, client, "source", "sink")
	for i := 0; i < count; i++ {
		client.Produce(ctx, &kgo.Record{Partition: int32(i % partitions), Value: []byte(strconv.Itoa(i))},
			func(_ *kgo.Record, err error) { check(err) })
	}
	check(client.Flush(ctx))
}

// copyForEver keeps each record in its partition. Whatever goes wrong ends it; the next one goes on.
func copyForEver(ctx context.Context, address string) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(address),
		kgo.TransactionalID("copier"), kgo.ConsumerGroup("copiers"), kgo.ConsumeTopics("source"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(6*time.Second),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	check(err)
	defer session.Close()
	for {
		fetches := session.PollRecords(ctx, 50)
		check(fetches.Err())
		check(session.Begin())
		for _, record := range fetches.Records() {
			session.Produce(ctx, &kgo.Record{Topic: "sink", Partition: record.Partition, Value: record.Value},
				func(_ *kgo.Record, err error) {
					if err != nil {
						fmt.Fprintln(os.Stderr, "not produced:", err)
					}
				})
		}
		_, err := session.End(ctx, kgo.TryCommit)
		check(err)
	}
}

// values reads `count` committed records of a topic, and gives them by partition.
func values(ctx context.Context, address, topic string, count int) [partitions][]string {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	check(err)
	defer client.Close()
	var found [partitions][]string
	take := func(fetches kgo.Fetches) int {
		for _, record := range fetches.Records() {
			found[record.Partition] = append(found[record.Partition], string(record.Value))
		}
		return fetches.NumRecords()
	}
	for got := 0; got < count; {
		fetches := client.PollFetches(ctx)
		check(fetches.Err())
		got += take(fetches)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	take(client.PollFetches(short)) // what should not be there
	return found
}

func compare(ctx context.Context, address string, count int) {
	source := values(ctx, address, "source", count)
	sink := values(ctx, address, "sink", count)
	for p := range source {
		if !slices.Equal(source[p], sink[p]) {
			panic(fmt.Sprintf("partition %d: %d records were copied to %d", p, len(source[p]), len(sink[p])))
		}
	}
}

func all(ctx context.Context, address string, count int) {
	admin, err := kgo.NewClient(kgo.SeedBrokers(address))
	check(err)
	defer admin.Close()
	create(ctx, admin, "source", "other", "sink")
	committed := write(ctx, address, count)
	if found := read(ctx, address, "source", len(committed)); len(found) != len(committed) {
		panic(fmt.Sprintf("%d of %d", len(found), len(committed)))
	}
	copyAll(ctx, address, len(committed))
	for value := range read(ctx, address, "sink", len(committed)) {
		if !committed[value] {
			panic("copied, and never committed: " + value)
		}
	}
	epochs(ctx, address)
	create(ctx, admin, "zombies")
	zombies(ctx, address)
}

func main() {
	if len(os.Args) < 4 {
		check(errors.New("usage: franz ADDRESS all|fill|copy|check COUNT"))
	}
	address := os.Args[1]
	ctx, cancel := context.WithTimeout(context.Background(), 280*time.Second)
	defer cancel()
	if os.Args[2] == "member" {
		beMember(ctx, address, os.Args[3], os.Args[4], member.ParseOptions(os.Args[5:]))
		return
	}
	count, err := strconv.Atoi(os.Args[len(os.Args)-1])
	check(err)
	switch os.Args[2] {
	case "produce":
		produce(ctx, address, os.Args[3], os.Args[4], os.Args[5], count)
		return
	case "all":
		all(ctx, address, count)
	case "fill":
		fill(ctx, address, count)
	case "copy":
		copyForEver(ctx, address)
	case "check":
		compare(ctx, address, count)
	default:
		check(errors.New("what is " + os.Args[2]))
	}
	fmt.Println("all as it should be")
}
