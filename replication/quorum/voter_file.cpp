#include "replication/quorum/voter_file.hpp"

#include <algorithm>
#include <string>

#include "log/errc.hpp"
#include "log/small_file.hpp"
#include "replication/consensus/codec.hpp"

namespace millrace::replication::quorum {
namespace {

constexpr std::string_view kName = "voter-state";
constexpr std::uint32_t kTag = 0x4d565331;  // MVS1

}  // namespace

Result<std::optional<VoterFile>> read_voter_file(log::Files& files,
                                                 const std::filesystem::path& directory) {
  using Found = std::optional<VoterFile>;
  const auto bytes = files.read_if_there(directory / kName);
  if (!bytes) return bytes.error();
  if (!*bytes) return Found{};
  auto reader = log::SmallFileReader::open(**bytes, kTag);
  if (!reader) return reader.error();
  VoterFile voter;
  for (auto& byte : voter.directory.bytes)
    if (!reader->take(byte)) return log::Errc::corrupt_file;
  std::string body(reader->left(), '\0');
  for (auto& character : body)
    if (std::uint8_t byte = 0; reader->take(byte)) character = static_cast<char>(byte);
  auto state = consensus::decode_voter_state(body);
  if (!state) return log::Errc::corrupt_file;
  voter.state = *std::move(state);
  return Found{std::move(voter)};
}

Result<void> write_voter_file(log::Files& files, const std::filesystem::path& directory,
                              const VoterFile& voter) {
  log::SmallFileWriter writer{kTag};
  for (const auto byte : voter.directory.bytes) writer.put(byte);
  for (const char character : consensus::encode(voter.state))
    writer.put(static_cast<std::uint8_t>(character));
  return files.write_atomically(directory / kName, std::move(writer).finish());
}

}  // namespace millrace::replication::quorum
