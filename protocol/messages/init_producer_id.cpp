#include "protocol/messages/init_producer_id.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::InitProducerIdRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::InitProducerIdResponse);
