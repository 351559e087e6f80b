#include "vernemq/control.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace vmq::launcher {
namespace {

constexpr std::string_view kDefaultConfig = "/etc/vernemq/vernemq.conf";
constexpr std::size_t kAnswerMax = 4096;
constexpr timeval kClientPatience{10, 0};

/// FNV-1a: the name must be the same in every version of this program.
std::uint32_t hash_of(std::string_view text) {
    std::uint32_t hash = 2166136261U;
    for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619U;
    return hash;
}

std::string instance_name(const std::optional<std::string>& config_file) {
    if (!config_file) return "vernemq";
    std::error_code error;
    auto path = std::filesystem::weakly_canonical(*config_file, error);
    if (error || !path.is_absolute()) path = std::filesystem::absolute(*config_file, error);
    if (path == kDefaultConfig) return "vernemq";
    return fmt::format("vernemq-{:08x}", hash_of(path.string()));
}

/// Nothing for an empty one. There is only one thread when it is asked.
std::optional<std::string> environment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

std::vector<std::string> run_folders() {
    if (auto chosen = environment("VERNEMQ_RUN_DIR")) return {*chosen};
    std::vector<std::string> folders{"/run/vernemq"};
    if (auto session = environment("XDG_RUNTIME_DIR")) folders.push_back(*session + "/vernemq");
    folders.push_back(fmt::format("/tmp/vernemq-{}", ::getuid()));
    return folders;
}

Error system_error(std::string_view what, const std::string& path) {
    return {ErrorCode::SystemError,
            fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(errno))};
}

/// Makes the folder if need be. Refuses one in which others could plant files.
Result<void> prepare_folder(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
        return system_error("make the folder", folder);
    }
    // Below /tmp anybody may have made it.
    const bool open_to_all = folder.starts_with("/tmp/");
    struct stat status{};
    const int found =
        open_to_all ? ::lstat(folder.c_str(), &status) : ::stat(folder.c_str(), &status);
    if (found != 0) return system_error("use", folder);
    const bool mine =
        status.st_uid == ::getuid() || status.st_uid == 0 || (::getuid() == 0 && !open_to_all);
    if (!S_ISDIR(status.st_mode) || !mine || (status.st_mode & S_IWOTH) != 0) {
        errno = EPERM;
        return system_error("use", folder);
    }
    return {};
}

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return system_error("use the control socket", path);
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

/// Opens and locks the pid file. The lock ends with the process, however it ends.
Result<int> lock_pid_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return system_error("write", path);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return Error{ErrorCode::AddressInUse, "Node is already running!"};
    }
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
        ::close(fd);
        return system_error("write", path);
    }
    return fd;
}

/// Requires the lock: whatever stands at `path` was left by a broker that is gone.
Result<int> listen_at(const std::string& path) {
    const auto address = address_of(path);
    if (!address) return address.error();
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return system_error("open", path);
    ::unlink(path.c_str());
    const mode_t mask = ::umask(0177);
    const int bound =
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address.value()), sizeof address.value());
    ::umask(mask);
    if (bound != 0 || ::listen(fd, 16) != 0) {
        ::close(fd);
        return system_error("open", path);
    }
    return fd;
}

/// One line without its newline; nothing if none came in time.
std::optional<std::string> read_line(int fd) {
    std::string line;
    std::array<char, kAnswerMax> buffer{};
    while (line.size() < kAnswerMax) {
        const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return std::nullopt;
        line.append(buffer.data(), static_cast<std::size_t>(got));
        if (const auto end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
    }
    return std::nullopt;
}

void send_line(int fd, std::string_view line) {
    const std::string text = std::string(line) + "\n";
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace

std::vector<ControlPaths> control_paths(const std::optional<std::string>& config_file) {
    const std::string name = instance_name(config_file);
    std::vector<ControlPaths> paths;
    for (const std::string& folder : run_folders()) {
        const std::string start = fmt::format("{}/{}", folder, name);
        paths.push_back({start + ".pid", start + ".ctl"});
    }
    return paths;
}

Result<ControlServer> ControlServer::claim(const std::optional<std::string>& config_file) {
    Error problem{ErrorCode::SystemError, "no folder for the control socket"};
    for (const ControlPaths& paths : control_paths(config_file)) {
        auto claimed = claim_at(paths);
        if (claimed || claimed.error().code == ErrorCode::AddressInUse) return claimed;
        problem = claimed.error();
    }
    return problem;
}

Result<ControlServer> ControlServer::claim_at(const ControlPaths& paths) {
    const auto folder = paths.pid_file.substr(0, paths.pid_file.rfind('/'));
    if (auto ready = prepare_folder(folder); !ready) return ready.error();
    const auto lock = lock_pid_file(paths.pid_file);
    if (!lock) return lock.error();
    const auto socket = listen_at(paths.socket);
    if (!socket) {
        ::close(lock.value());
        return socket.error();
    }
    return ControlServer(paths, lock.value(), socket.value());
}

ControlServer::ControlServer(ControlServer&& other) noexcept
    : paths_(std::move(other.paths_)),
      lock_(std::exchange(other.lock_, -1)),
      socket_(std::exchange(other.socket_, -1)) {}

ControlServer::~ControlServer() {
    if (lock_ < 0) return;
    ::unlink(paths_.socket.c_str());
    ::unlink(paths_.pid_file.c_str());
    ::close(socket_);
    ::close(lock_);
}

ControlClient::ControlClient(const std::optional<std::string>& config_file) {
    for (const ControlPaths& paths : control_paths(config_file)) {
        const auto address = address_of(paths.socket);
        if (!address) continue;
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) return;
        (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kClientPatience, sizeof kClientPatience);
        (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kClientPatience, sizeof kClientPatience);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.value()),
                      sizeof address.value()) == 0) {
            socket_ = fd;
            return;
        }
        if (errno == EACCES) problem_ = Problem::NotAllowed;
        ::close(fd);
    }
}

ControlClient::~ControlClient() {
    if (socket_ >= 0) ::close(socket_);
}

std::optional<std::string> ControlClient::ask(std::string_view request) {
    if (!connected()) return std::nullopt;
    send_line(socket_, request);
    return read_line(socket_);
}

void ControlClient::wait_as_long_as_it_takes() {
    constexpr timeval kNoLimit{0, 0};
    if (!connected()) return;
    (void)::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &kNoLimit, sizeof kNoLimit);
}

void ControlClient::wait_for_end() {
    char byte = 0;
    while (connected()) {
        const ssize_t got = ::recv(socket_, &byte, 1, 0);
        const bool waiting = got < 0 && (errno == EINTR || errno == EAGAIN);
        if (!waiting) return;
    }
}

}  // namespace vmq::launcher
