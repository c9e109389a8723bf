#pragma once

#include "broker/group/types.hpp"

namespace millrace::broker {

/// The answer that was meant for success, turned into one that tells `error`.
struct Spoil {
  protocol::ErrorCode error;
  bool errors_too = false;

  void operator()(protocol::OffsetCommitResponse& response) const {
    for (auto& topic : response.topics) {
      for (auto& partition : topic.partitions) {
        if (errors_too || partition.error_code == protocol::ErrorCode::none)
          partition.error_code = error;
      }
    }
  }
  void operator()(protocol::OffsetDeleteResponse& response) const {
    response.topics.clear();
    response.error_code = error;
  }
  void operator()(protocol::ConsumerGroupHeartbeatResponse& response) const {
    response = {};
    response.error_code = error;
  }
  void operator()(auto& response) const { response.error_code = error; }
};

}  // namespace millrace::broker
