#include "log/retention_work.hpp"

#include "log/errc.hpp"

namespace millrace::log {

Result<void> RetentionWork::run() const {
  const std::scoped_lock lock{fence_->mutex};
  if (fence_->generation != generation_) return Errc::superseded;
  return files_->write_atomically(file_, start_.encode());
}

Result<std::size_t> PurgeWork::run() {
  for (; removed_ < paths_.size(); ++removed_)
    if (const auto done = files_->remove(paths_[removed_]); !done)
      return {boost::system::in_place_error, done.error()};
  return removed_;
}

}  // namespace millrace::log
