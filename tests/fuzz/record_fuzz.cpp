// Fuzzes what reads record batches and message sets from outside: whatever the bytes are, the
// parsers answer within their bounds and without undefined behaviour, and what the produce rules
// accept reads back as they said.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/ensure.hpp"
#include "protocol/checksum/crc32c.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/compression.hpp"
#include "protocol/record/control.hpp"
#include "protocol/record/legacy.hpp"
#include "protocol/record/record.hpp"
#include "protocol/record/validate.hpp"

namespace millrace::protocol {
namespace {

constexpr std::size_t kDecompressedMax = std::size_t{1} << 20;
constexpr Timestamp kNow{1'700'000'000'000};

void read_records(Bytes section, std::int32_t count) {
  RecordReader reader{section, count};
  for (;;) {
    const auto record = reader.next();
    if (!record) return;
    std::int32_t headers = 0;
    for (const HeaderView& header : record->headers) {
      ENSURE(header.key.size() <= section.size());
      ++headers;
    }
    ENSURE(headers == record->headers.size());
    (void)parse_control_record(*record);
  }
}

void read_batches(Bytes bytes) {
  BatchRun run{bytes};
  for (const BatchView batch : run) {
    (void)batch.header();
    (void)batch.crc_ok();
    (void)batch.next_offset();
    (void)batch.last_sequence();
    const auto section = decompress(batch.codec(), batch.records_section(), kDecompressedMax);
    if (!section) continue;
    ENSURE(section->size() <= kDecompressedMax);
    read_records(*section, batch.record_count());
  }
}

void read_message_set(Bytes bytes) {
  for (;;) {
    const auto entry = parse_legacy_entry(bytes, kDecompressedMax);
    if (!entry) return;
    ENSURE(!entry->messages().empty());
    ENSURE(entry->size_bytes() <= bytes.size());
    bytes = bytes.subspan(entry->size_bytes());
  }
}

void produce(Bytes bytes, const ProduceRules& rules) {
  auto verdict = validate_produced(bytes, rules, kNow);
  // A light look gives the same verdict or none.
  if (const auto light = validate_lightly(bytes, rules, kNow)) {
    ENSURE(light->index() == verdict.index());
    const auto* const rejection = std::get_if<Rejection>(&verdict);
    ENSURE(rejection == nullptr || *rejection == std::get<Rejection>(*light));
    const auto* const taken = std::get_if<Accepted>(&*light);
    ENSURE(taken == nullptr || !taken->rebuilt);
  }
  auto* const accepted = std::get_if<Accepted>(&verdict);
  if (!accepted) return;
  std::vector<std::byte> stored{bytes.begin(), bytes.end()};
  if (accepted->rebuilt) stored = *accepted->rebuilt;
  apply_fix(*accepted, stored);
  const auto batch = parse_batch(stored);
  ENSURE(batch.has_value());
  ENSURE(batch->crc_ok());
  ENSURE(batch->max_timestamp() == accepted->max_timestamp);
  ENSURE(batch->timestamp_type() == rules.timestamp_type);
  ENSURE(batch->record_count() == accepted->record_count);
}

void run(Bytes bytes) {
  read_batches(bytes);
  read_message_set(bytes);
  for (std::uint8_t codec = 0; codec <= kCodecMax; ++codec)
    (void)decompress(static_cast<Codec>(codec), bytes, kDecompressedMax);
  (void)decompress_lz4_of_magic0(bytes, kDecompressedMax);
  read_records(bytes, 1'000'000);

  // With length and checksum put right, so that the fuzzer gets past them.
  std::vector<std::byte> sealed{bytes.begin(), bytes.end()};
  if (sealed.size() >= kBatchHeaderBytes) {
    store_be(sealed.data() + 8, static_cast<std::int32_t>(sealed.size() - kBatchOverheadBytes));
    sealed[16] = std::byte{kBatchMagic};
    store_be(sealed.data() + 17, crc32c(Bytes{sealed}.subspan(21)));
  }
  const ProduceRules loose{.decompressed_bytes_max = kDecompressedMax};
  const ProduceRules strict{.compacted = true,
                            .timestamp_type = TimestampType::log_append_time,
                            .target_codec = Codec::lz4,
                            .decompressed_bytes_max = kDecompressedMax};
  for (const ProduceRules& rules : {loose, strict}) {
    produce(bytes, rules);
    produce(sealed, rules);
  }
}

}  // namespace
}  // namespace millrace::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::protocol::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
