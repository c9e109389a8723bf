#include "broker/errors.hpp"

#include "log/errc.hpp"
#include "protocol/errc.hpp"
#include "replication/consensus/errc.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

ErrorCode from_log(log::Errc error) {
  switch (error) {
    case log::Errc::offset_out_of_range:
      return ErrorCode::offset_out_of_range;
    case log::Errc::batch_malformed:
      return ErrorCode::corrupt_message;
    case log::Errc::batch_too_large:
      return ErrorCode::record_list_too_large;
    case log::Errc::superseded:
      return ErrorCode::not_leader_or_follower;  // truncated meanwhile: ask again
    case log::Errc::no_space:
      return kNoSpace;
    case log::Errc::read_only:
    case log::Errc::failed:
    case log::Errc::closed:
    case log::Errc::offsets_not_ahead:
    case log::Errc::corrupt_file:
    case log::Errc::directory_in_use:
      return ErrorCode::kafka_storage_error;
  }
  return ErrorCode::unknown_server_error;
}

}  // namespace

ErrorCode to_wire(const ErrorInfo& error) {
  if (!error) return ErrorCode::none;
  if (error.category() == log::errc_category()) {
    return from_log(static_cast<log::Errc>(error.value()));
  }
  if (log::is_no_space(error)) return kNoSpace;
  if (error.category() == boost::system::generic_category() ||
      error.category() == boost::system::system_category()) {
    return ErrorCode::kafka_storage_error;  // the file system's word
  }
  if (error.category() == replication::consensus::errc_category()) return ErrorCode::not_controller;
  if (error == protocol::Errc::unsupported_version) return ErrorCode::unsupported_version;
  return ErrorCode::unknown_server_error;
}

}  // namespace millrace::broker
