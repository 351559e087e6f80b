#include "runtime/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

namespace vmq::runtime {
namespace {

Millis millis_of(const timeval& time) {
    return std::chrono::duration_cast<Millis>(Seconds(time.tv_sec) +
                                              std::chrono::microseconds(time.tv_usec));
}

}  // namespace

ProcessUsage process_usage() {
    ProcessUsage usage;
    rusage system{};
    if (::getrusage(RUSAGE_SELF, &system) == 0) {
        usage.context_switches = static_cast<std::uint64_t>(system.ru_nvcsw + system.ru_nivcsw);
        usage.cpu_time = millis_of(system.ru_utime) + millis_of(system.ru_stime);
    }
    std::ifstream statm("/proc/self/statm");  // all and resident, in pages
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
    if (statm >> all >> resident) {
        usage.resident_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
    return usage;
}

}  // namespace vmq::runtime
