// What another process has used so far, from /proc.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace vmq::bench {

/// User and system time of all threads, in microseconds; the kernel counts in steps of 10 ms.
inline double cpu_us(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    unsigned long user = 0;
    unsigned long system = 0;
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos) return 0;
    constexpr const char* kUntilTimes = ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
    if (std::sscanf(line.c_str() + name_end, kUntilTimes, &user, &system) != 2) return 0;
    return static_cast<double>(user + system) * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Resident memory in bytes.
inline double resident_bytes(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    double size = 0;
    double resident = 0;
    file >> size >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace vmq::bench
