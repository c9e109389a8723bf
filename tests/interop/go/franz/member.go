package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"millrace/tests/interop/member"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// produce sends prefix-0, prefix-1 and so on.
func produce(ctx context.Context, address, topic, codec, prefix string, count int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(20*time.Millisecond))
	check(err)
	defer client.Close()
	for i := 0; i < count; i++ {
		client.Produce(ctx, &kgo.Record{Value: fmt.Appendf(nil, "%s-%d", prefix, i)},
			func(_ *kgo.Record, err error) { check(err) })
	}
	check(client.Flush(ctx))
}

// beMember reads as one of a group. It commits what it has printed before anything is taken away.
func beMember(ctx context.Context, address, topic, group string, options member.Options) {
	report := &member.Report{}
	gained := func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
		report.Gained(places[topic]...)
	}
	lost := func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
		report.Lost(places[topic]...)
	}
	settings := []kgo.Opt{
		kgo.SeedBrokers(address), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(6 * time.Second),
		kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.OnPartitionsAssigned(gained), kgo.OnPartitionsRevoked(lost), kgo.OnPartitionsLost(lost),
	}
	if instance := options["instance"]; instance != "" {
		settings = append(settings, kgo.InstanceID(instance))
	}
	if options["protocol"] == "consumer" {
		settings = append(settings, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	} else if options["strategy"] == "cooperative" {
		settings = append(settings, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	} else {
		settings = append(settings, kgo.Balancers(kgo.RangeBalancer()))
	}
	client, err := kgo.NewClient(settings...)
	check(err)
	stopped := member.Stopped()
	for len(stopped) == 0 {
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		fetches := client.PollFetches(short)
		cancel()
		records := fetches.Records()
		for _, record := range records {
			report.Read(record.Partition, record.Offset, record.Value)
		}
		if len(records) > 0 {
			check(client.CommitRecords(ctx, records...))
		}
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
}
