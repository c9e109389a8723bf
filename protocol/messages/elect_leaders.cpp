#include "protocol/messages/elect_leaders.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ElectLeadersRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ElectLeadersResponse);
