#include "log/files.hpp"

#include <array>

#include "log/errc.hpp"

namespace millrace::log {
namespace {

/// Makes each write durable by a sync of its own.
class SyncedFile final : public File {
 public:
  explicit SyncedFile(std::shared_ptr<File> file) : file_{std::move(file)} {}
  Result<std::size_t> read_at(MutableBytes into, std::uint64_t position) const override {
    return file_->read_at(into, position);
  }
  Result<void> write_at(std::span<const Bytes> pieces, std::uint64_t position) override {
    const auto written = file_->write_at(pieces, position);
    if (!written) return written.error();
    return file_->sync();
  }
  Result<void> sync() override { return {}; }
  Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<void> allocate(std::uint64_t size) override { return file_->allocate(size); }

 private:
  std::shared_ptr<File> file_;
};

}  // namespace

Result<std::shared_ptr<File>> Files::open_durable(const Path& path) {
  auto file = open(path, OpenMode::read_write);
  if (!file) return file.error();
  return std::shared_ptr<File>{std::make_shared<SyncedFile>(std::move(*file))};
}

std::shared_ptr<const File> pinned(const std::shared_ptr<File>& file) {
  auto pin = file->pin();
  return pin && *pin ? std::move(*pin) : std::shared_ptr<const File>{file};
}

Result<std::optional<std::vector<std::byte>>> Files::read_if_there(const Path& path) {
  using Contents = std::optional<std::vector<std::byte>>;
  const auto there = exists(path);
  if (!there) return there.error();
  if (!*there) return Contents{};
  auto bytes = read_all(path);
  if (!bytes) return bytes.error();
  return Contents{std::move(*bytes)};
}

Result<std::vector<std::byte>> Files::read_all(const Path& path) {
  const auto file = open(path, OpenMode::read_only);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  std::vector<std::byte> contents(static_cast<std::size_t>(*size));
  const auto got = (*file)->read_at(contents, 0);
  if (!got) return got.error();
  contents.resize(*got);
  return contents;
}

Result<void> Files::write_atomically(const Path& path, Bytes contents) {
  Path beside = path;
  beside += ".tmp";
  const auto file = open(beside, OpenMode::create);
  if (!file) return file.error();
  // A crash or a failed attempt may have left something longer.
  if (const auto cut = (*file)->truncate(0); !cut) return cut.error();
  const std::array pieces{contents};
  if (const auto written = (*file)->write_at(pieces, 0); !written) return written.error();
  if (const auto synced = (*file)->sync(); !synced) return synced.error();
  if (const auto renamed = rename(beside, path); !renamed) return renamed.error();
  return sync_directory(path.parent_path());
}

}  // namespace millrace::log
