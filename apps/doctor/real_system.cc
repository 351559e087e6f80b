#include "doctor/real_system.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <pwd.h>
#include <rocksdb/version.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/version.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

namespace vmq::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kMaxNames = 4096;

// statfs(2)
constexpr std::array<std::pair<std::uint64_t, const char*>, 19> kFileSystems{{
    {0xEF53, "ext4"},      {0x58465342, "xfs"},   {0x9123683E, "btrfs"},    {0x2FC12FC1, "zfs"},
    {0xF2F52010, "f2fs"},  {0x01021994, "tmpfs"}, {0x858458F6, "ramfs"},    {0x794C7630, "overlay"},
    {0x6969, "nfs"},       {0xFF534D42, "cifs"},  {0xFE534D42, "smb2"},     {0x517B, "smb"},
    {0x65735546, "fuse"},  {0x01021997, "9p"},    {0x73717368, "squashfs"}, {0x4D44, "vfat"},
    {0x2011BAB0, "exfat"}, {0x00C36400, "ceph"},  {0x47504653, "gpfs"},
}};

bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// Inodes of sockets that listen at `port`, from /proc/net/tcp and tcp6.
std::set<std::string> listening_at(std::uint16_t port) {
    std::set<std::string> inodes;
    const std::string suffix = fmt::format(":{:04X}", port);
    for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream file(path);
        std::string line;
        while (std::getline(file, line)) {
            std::istringstream words(line);
            std::vector<std::string> fields;
            for (std::string word; words >> word;) fields.push_back(word);
            constexpr std::size_t kLocal = 1;
            constexpr std::size_t kState = 3;
            constexpr std::size_t kInode = 9;
            if (fields.size() > kInode && fields[kLocal].ends_with(suffix) &&
                fields[kState] == "0A") {
                inodes.insert("socket:[" + fields[kInode] + "]");
            }
        }
    }
    return inodes;
}

}  // namespace

std::optional<std::string> RealSystem::read(const std::string& path) const {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text(kMaxFile, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad()) return std::nullopt;
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

std::optional<FileFacts> RealSystem::file(const std::string& path) const {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) return std::nullopt;
    return FileFacts{facts.st_mode, facts.st_uid, ::access(path.c_str(), R_OK) == 0,
                     ::access(path.c_str(), W_OK) == 0};
}

std::optional<Volume> RealSystem::volume(const std::string& path) const {
    std::error_code error;
    fs::path folder = fs::absolute(path, error);
    while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
    struct statfs type{};
    struct statvfs facts{};
    if (::statfs(folder.c_str(), &type) != 0 || ::statvfs(folder.c_str(), &facts) != 0) {
        return std::nullopt;
    }
    Volume volume;
    const auto magic = static_cast<std::uint64_t>(type.f_type) & 0xFFFFFFFFU;
    volume.type = fmt::format("unknown 0x{:X}", magic);
    for (const auto& [number, name] : kFileSystems) {
        if (number == magic) volume.type = name;
    }
    volume.total_bytes = std::uint64_t{facts.f_blocks} * facts.f_frsize;
    volume.free_bytes = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    volume.total_files = facts.f_files;
    volume.free_files = facts.f_favail;
    volume.read_only = (facts.f_flag & ST_RDONLY) != 0;
    return volume;
}

std::vector<std::string> RealSystem::list(const std::string& folder) const {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator each(folder, error), end; !error && each != end;
         each.increment(error)) {
        if (names.size() == kMaxNames) break;
        names.push_back(each->path().filename().string());
    }
    return names;
}

FileLimit RealSystem::file_limit() const {
    rlimit limit{};
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    return {limit.rlim_cur, limit.rlim_max};
}

uid_t RealSystem::user() const { return ::geteuid(); }

std::string RealSystem::user_name(uid_t user) const {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer{};
    if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
        return entry.pw_name;
    }
    return std::to_string(user);
}

transport::WallTime RealSystem::now() const { return std::chrono::system_clock::now(); }

std::optional<bool> RealSystem::clock_synchronised() const {
    timex state{};
    const int result = ::adjtimex(&state);
    if (result < 0) return std::nullopt;
    return result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

PortUse RealSystem::port(const std::string& address, std::uint16_t port) const {
    namespace ip = boost::asio::ip;
    boost::system::error_code error;
    const auto host = ip::make_address(address, error);
    if (error) return {PortUse::State::Unknown, {}};
    boost::asio::io_context io;
    ip::tcp::acceptor acceptor(io);
    const ip::tcp::endpoint endpoint(host, port);
    (void)acceptor.open(endpoint.protocol(), error);
    if (error) return {PortUse::State::NoSuchAddress, {}};  // IPv6 on a machine without it
    if (host.is_v6()) (void)acceptor.set_option(ip::v6_only(true), error);
    (void)acceptor.set_option(ip::tcp::acceptor::reuse_address(true), error);
    (void)acceptor.bind(endpoint, error);
    if (!error) (void)acceptor.listen(1, error);
    if (!error) return {};
    if (error == boost::asio::error::address_in_use)
        return {PortUse::State::Taken, holder_of(port)};
    if (error == boost::asio::error::access_denied) return {PortUse::State::NotAllowed, {}};
    if (error == boost::system::errc::address_not_available) {
        return {PortUse::State::NoSuchAddress, {}};
    }
    return {PortUse::State::Unknown, {}};
}

std::string RealSystem::holder_of(std::uint16_t port) const {
    const auto sockets = listening_at(port);
    for (const Process& process : processes()) {
        std::error_code error;
        const fs::path folder = fmt::format("/proc/{}/fd", process.pid);
        for (fs::directory_iterator each(folder, error), end; !error && each != end;
             each.increment(error)) {
            std::error_code gone;
            if (sockets.contains(fs::read_symlink(each->path(), gone).string())) {
                return fmt::format("{} (pid {})", process.name, process.pid);
            }
        }
    }
    return {};
}

std::vector<Process> RealSystem::processes() const {
    std::vector<Process> result;
    std::error_code error;
    for (fs::directory_iterator each("/proc", error), end; !error && each != end;
         each.increment(error)) {
        const std::string name = each->path().filename().string();
        pid_t pid = 0;
        if (!is_number(name)) continue;
        (void)std::from_chars(name.data(), name.data() + name.size(), pid);
        result.push_back({pid, first_line("/proc/" + name + "/comm")});
    }
    return result;
}

Result<std::vector<transport::CertificateInfo>> RealSystem::load_tls(
    const transport::TlsOptions& options, std::vector<std::string>& notices) const {
    const auto loaded = transport::TlsContext::load(options, nullptr);
    if (!loaded) return loaded.error();
    notices = loaded.value()->notices();
    return loaded.value()->certificates();
}

std::vector<System::Library> RealSystem::libraries() const {
    return {{"OpenSSL",
             fmt::format("{}.{}.{}", OPENSSL_version_major(), OPENSSL_version_minor(),
                         OPENSSL_version_patch()),
             fmt::format("{}.{}.{}", OPENSSL_VERSION_MAJOR, OPENSSL_VERSION_MINOR,
                         OPENSSL_VERSION_PATCH)},
            {"RocksDB", rocksdb::GetRocksVersionAsString(true),
             fmt::format("{}.{}.{}", ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH)}};
}

}  // namespace vmq::doctor
