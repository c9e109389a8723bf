#include "log/damage.hpp"

namespace millrace::log {

std::ostream& operator<<(std::ostream& out, const Damage& damage) {
  return out << damage.file.string() << " at byte " << damage.position << ", offset "
             << damage.offset << ", " << damage.bytes << " bytes: " << damage.what
             << (damage.acknowledged ? " (acknowledged records are missing)"
                                     : " (never synced, cut)");
}

}  // namespace millrace::log
