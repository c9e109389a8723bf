#include "replication/quorum/snapshots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "log/errc.hpp"
#include "protocol/checksum/crc32c.hpp"
#include "replication/consensus/codec.hpp"

namespace millrace::replication::quorum {

using consensus::Index;
using consensus::Position;
using consensus::Term;

namespace {

constexpr std::uint32_t kTag = 0x4d534e31;  // MSN1
constexpr std::string_view kEnding = ".snapshot";
constexpr std::string_view kPartEnding = ".part";
constexpr std::size_t kPieceHeaderBytes = 8;
constexpr std::size_t kTagBytes = 4;

std::filesystem::path part_path(const std::filesystem::path& directory, Position at) {
  auto path = snapshot_path(directory, at);
  path += kPartEnding;
  return path;
}

/// What the checksum of a piece covers: where it stands, its size, its body.
std::uint32_t sum_of(std::uint64_t position, Bytes body) {
  std::array<std::byte, 12> where{};
  store_be(where.data(), position);
  store_be(where.data() + 8, static_cast<std::uint32_t>(body.size()));
  return protocol::crc32c(body, protocol::crc32c(where));
}

void append_piece(std::string& to, std::string_view body) {
  std::array<std::byte, kPieceHeaderBytes> header{};
  store_be(header.data(), static_cast<std::uint32_t>(body.size()));
  store_be(header.data() + 4, sum_of(to.size(), as_bytes(body)));
  to.append(as_text(header));
  to.append(body);
}

std::string encode_file(const SnapshotContents& contents) {
  std::array<std::byte, kTagBytes> tag{};
  store_be(tag.data(), kTag);
  std::string bytes{as_text(tag)};
  append_piece(bytes, consensus::encode(contents.snapshot));
  for (const auto& piece : contents.pieces)
    if (!piece.empty()) append_piece(bytes, piece);
  append_piece(bytes, {});
  std::array<std::byte, 4> digest{};
  store_be(digest.data(), protocol::crc32c(as_bytes(bytes)));
  bytes.append(as_text(digest));
  return bytes;
}

Result<SnapshotContents> decode_file(Bytes bytes) {
  if (bytes.size() < kTagBytes || load_be<std::uint32_t>(bytes.data()) != kTag)
    return log::Errc::corrupt_file;
  SnapshotContents contents;
  std::size_t at = kTagBytes;
  for (bool first = true;; first = false) {
    if (bytes.size() - at < kPieceHeaderBytes) return log::Errc::corrupt_file;
    const std::size_t size = load_be<std::uint32_t>(bytes.data() + at);
    const auto sum = load_be<std::uint32_t>(bytes.data() + at + 4);
    if (size > bytes.size() - at - kPieceHeaderBytes) return log::Errc::corrupt_file;
    const Bytes body = bytes.subspan(at + kPieceHeaderBytes, size);
    if (sum != sum_of(at, body)) return log::Errc::corrupt_file;
    at += kPieceHeaderBytes + size;
    if (first) {
      auto snapshot = consensus::decode_snapshot(as_text(body));
      if (!snapshot) return log::Errc::corrupt_file;
      contents.snapshot = *std::move(snapshot);
    } else if (size == 0) {
      break;
    } else {
      contents.pieces.emplace_back(as_text(body));
    }
  }
  if (bytes.size() - at != 4 ||
      load_be<std::uint32_t>(bytes.data() + at) != protocol::crc32c(bytes.first(at)))
    return log::Errc::corrupt_file;
  return contents;
}

Result<void> name_it(log::Files& files, const std::filesystem::path& directory, Position at) {
  const auto path = snapshot_path(directory, at);
  if (auto renamed = files.rename(part_path(directory, at), path); !renamed) return renamed;
  return files.sync_directory(directory);
}

}  // namespace

std::filesystem::path snapshot_path(const std::filesystem::path& directory, Position at) {
  return directory / fmt::format("{:020}-{:010}{}", at.index.value, at.term.value, kEnding);
}

Result<std::vector<Position>> list_snapshots(log::Files& files,
                                             const std::filesystem::path& directory) {
  const auto entries = files.list(directory);
  if (!entries) return entries.error();
  std::vector<Position> found;
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(kEnding)) continue;
    const char* const begin = entry.name.data();
    const char* const end = begin + entry.name.size() - kEnding.size();
    Position at;
    const auto index = std::from_chars(begin, end, at.index.value);
    if (index.ec != std::errc{} || index.ptr == end || *index.ptr != '-') continue;
    const auto term = std::from_chars(index.ptr + 1, end, at.term.value);
    if (term.ec == std::errc{} && term.ptr == end) found.push_back(at);
  }
  std::ranges::sort(found);
  return found;
}

Result<void> write_snapshot(log::Files& files, const std::filesystem::path& directory,
                            const SnapshotContents& contents) {
  const auto at = contents.snapshot.at;
  const auto file = files.open(part_path(directory, at), log::OpenMode::create);
  if (!file) return file.error();
  if (auto emptied = (*file)->truncate(0); !emptied) return emptied;
  const std::string bytes = encode_file(contents);
  const std::array pieces{as_bytes(bytes)};
  if (auto written = (*file)->write_at(pieces, 0); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  return name_it(files, directory, at);
}

Result<SnapshotContents> read_snapshot(log::Files& files, const std::filesystem::path& path) {
  const auto bytes = files.read_all(path);
  if (!bytes) return bytes.error();
  return decode_file(*bytes);
}

Result<SnapshotReceiver> SnapshotReceiver::begin(log::Files& files, std::filesystem::path directory,
                                                 Position at) {
  auto file = files.open(part_path(directory, at), log::OpenMode::create);
  if (!file) return file.error();
  if (const auto emptied = (*file)->truncate(0); !emptied) return emptied.error();
  return SnapshotReceiver{files, std::move(directory), at, *std::move(file)};
}

Result<void> SnapshotReceiver::add(Bytes bytes) {
  const std::array pieces{bytes};
  if (auto written = file_->write_at(pieces, size_); !written) return written;
  size_ += bytes.size();
  return {};
}

Result<SnapshotContents> SnapshotReceiver::finish() {
  auto contents = read_snapshot(*files_, part_path(directory_, at_));
  if (!contents) return contents;
  if (contents->snapshot.at != at_) return log::Errc::corrupt_file;
  if (const auto synced = file_->sync(); !synced) return synced.error();
  if (const auto named = name_it(*files_, directory_, at_); !named) return named.error();
  return contents;
}

Result<void> sweep_snapshots(log::Files& files, const std::filesystem::path& directory,
                             bool parts) {
  auto found = list_snapshots(files, directory);
  if (!found) return found.error();
  for (std::size_t i = 0; i + 2 < found->size(); ++i)
    if (auto removed = files.remove(snapshot_path(directory, (*found)[i])); !removed)
      return removed;
  if (!parts) return {};
  const auto entries = files.list(directory);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(kPartEnding)) continue;
    if (auto removed = files.remove(directory / entry.name); !removed) return removed;
  }
  return {};
}

}  // namespace millrace::replication::quorum
