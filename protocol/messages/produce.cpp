#include "protocol/messages/produce.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ProduceRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ProduceResponse);
