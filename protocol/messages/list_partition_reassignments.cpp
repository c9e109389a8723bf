#include "protocol/messages/list_partition_reassignments.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ListPartitionReassignmentsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ListPartitionReassignmentsResponse);
