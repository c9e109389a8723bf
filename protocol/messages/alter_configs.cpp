#include "protocol/messages/alter_configs.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::AlterConfigsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::AlterConfigsResponse);
