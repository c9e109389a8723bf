#include "protocol/messages/incremental_alter_configs.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::IncrementalAlterConfigsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::IncrementalAlterConfigsResponse);
