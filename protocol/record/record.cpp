#include "protocol/record/record.hpp"

#include <algorithm>

#include "protocol/base/ensure.hpp"

namespace millrace::protocol {
namespace {

ErrorInfo failure_of(const VarintCursor& cursor) {
  return cursor.hit_end() ? Errc::truncated : Errc::bad_varint;
}

// A run of bytes behind its length, null when that is -1; the cursor tells whether it was there.
std::optional<Bytes> nullable(VarintCursor& cursor, bool& bad_length) {
  const std::int32_t length = cursor.varint();
  if (length == -1) return std::nullopt;
  if (length < 0) bad_length = true;
  return cursor.take(length);
}

void append(std::vector<std::byte>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void append_nullable(std::vector<std::byte>& to, const std::optional<Bytes>& bytes) {
  if (!bytes) return append_varint(to, -1);
  append_varint(to, static_cast<std::int32_t>(bytes->size()));
  append(to, *bytes);
}

std::size_t sized(std::size_t count) {
  return varint_size(static_cast<std::int32_t>(count)) + count;
}

std::size_t nullable_size(const std::optional<Bytes>& bytes) {
  return bytes ? sized(bytes->size()) : varint_size(-1);
}

// Everything in front of the headers, without the length.
std::size_t head_size(std::int64_t timestamp_delta, std::int32_t offset_delta,
                      const std::optional<Bytes>& key, const std::optional<Bytes>& value) {
  return 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) + nullable_size(key) +
         nullable_size(value);
}

std::size_t headers_size(std::span<const HeaderView> headers) {
  std::size_t size = varint_size(static_cast<std::int32_t>(headers.size()));
  for (const HeaderView& header : headers) {
    size += sized(header.key.size());
    size += nullable_size(header.value);
  }
  return size;
}

struct Head {
  std::size_t body_size;
  std::int8_t attributes;
  std::int64_t timestamp_delta;
  std::int32_t offset_delta;
  const std::optional<Bytes>& key;
  const std::optional<Bytes>& value;
};

void append_head(std::vector<std::byte>& to, const Head& head) {
  ENSURE(head.body_size <= INT32_MAX);
  append_varint(to, static_cast<std::int32_t>(head.body_size));
  to.push_back(static_cast<std::byte>(head.attributes));
  append_varlong(to, head.timestamp_delta);
  append_varint(to, head.offset_delta);
  append_nullable(to, head.key);
  append_nullable(to, head.value);
}

}  // namespace

bool operator==(const HeaderView& a, const HeaderView& b) {
  if (a.key != b.key || a.value.has_value() != b.value.has_value()) return false;
  return !a.value || std::ranges::equal(*a.value, *b.value);
}

void HeaderRange::Iterator::read() {
  if (left_ == 0) return;
  header_.key = as_text(cursor_.take(cursor_.varint()));
  const std::int32_t length = cursor_.varint();
  header_.value.reset();
  if (length >= 0) header_.value = cursor_.take(length);
  ENSURE(cursor_.ok());  // RecordReader checked them
}

Result<RecordView> RecordReader::next() {
  if (left_ <= 0) {
    if (left_ < 0) return Errc::bad_length;
    if (!rest_.empty()) return Errc::trailing_bytes;
    return Errc::end_of_stream;
  }
  VarintCursor outer{rest_};
  const std::int32_t length = outer.varint();
  if (outer.ok() && length < 0) return Errc::bad_length;
  const Bytes body = outer.take(length);
  if (!outer.ok()) return failure_of(outer);

  RecordView record;
  bool bad_length = false;
  VarintCursor cursor{body};
  record.attributes = cursor.byte();
  record.timestamp_delta = cursor.varlong();
  record.offset_delta = cursor.varint();
  record.key = nullable(cursor, bad_length);
  record.value = nullable(cursor, bad_length);
  const std::int32_t header_count = cursor.varint();
  // A header takes two bytes at least, so a larger count is refused before anything is walked.
  if (header_count < 0 || static_cast<std::size_t>(header_count) > cursor.left()) bad_length = true;
  const std::byte* const headers_from = cursor.position();
  if (!bad_length && cursor.ok()) {
    for (std::int32_t i = 0; i < header_count && cursor.ok() && !bad_length; ++i) {
      const std::int32_t key_length = cursor.varint();
      if (key_length < 0) bad_length = true;
      cursor.take(key_length);
      nullable(cursor, bad_length);
    }
  }
  if (bad_length) return Errc::bad_length;
  if (!cursor.ok()) return failure_of(cursor);
  if (cursor.left() != 0) return Errc::trailing_bytes;
  record.headers = HeaderRange{Bytes{headers_from, body.data() + body.size()}, header_count};
  rest_ = rest_.subspan(rest_.size() - outer.left());
  --left_;
  return record;
}

std::size_t record_size(const RecordFields& record) {
  const std::size_t body =
      head_size(record.timestamp_delta, record.offset_delta, record.key, record.value) +
      headers_size(record.headers);
  return sized(body);
}

void append_record(std::vector<std::byte>& section, const RecordFields& record) {
  append_head(section, {.body_size = head_size(record.timestamp_delta, record.offset_delta,
                                               record.key, record.value) +
                                     headers_size(record.headers),
                        .attributes = 0,
                        .timestamp_delta = record.timestamp_delta,
                        .offset_delta = record.offset_delta,
                        .key = record.key,
                        .value = record.value});
  append_varint(section, static_cast<std::int32_t>(record.headers.size()));
  for (const HeaderView& header : record.headers) {
    append_varint(section, static_cast<std::int32_t>(header.key.size()));
    append(section, as_bytes(header.key));
    append_nullable(section, header.value);
  }
}

void append_record_with_delta(std::vector<std::byte>& section, const RecordView& record,
                              std::int64_t timestamp_delta, std::int32_t offset_delta) {
  append_head(section,
              {.body_size = head_size(timestamp_delta, offset_delta, record.key, record.value) +
                            varint_size(record.headers.size()) + record.headers.encoded().size(),
               .attributes = record.attributes,
               .timestamp_delta = timestamp_delta,
               .offset_delta = offset_delta,
               .key = record.key,
               .value = record.value});
  append_varint(section, record.headers.size());
  append(section, record.headers.encoded());
}

}  // namespace millrace::protocol
