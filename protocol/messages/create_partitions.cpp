#include "protocol/messages/create_partitions.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::CreatePartitionsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::CreatePartitionsResponse);
