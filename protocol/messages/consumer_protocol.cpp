#include "protocol/messages/consumer_protocol.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerProtocolSubscription);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerProtocolAssignment);
