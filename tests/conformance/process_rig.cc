#include "conformance/process_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "conformance/broker_conf.h"

namespace vmq::conformance {
namespace {

/// What must come comes long before this, on any machine; what must not come is waited for so long.
constexpr Seconds kPatience{20};
constexpr Millis kSilence{60};
/// Longest time that a script may let pass here, where it really does.
constexpr std::uint64_t kLongestWait_ms = 2'500;

Error system_error(std::string_view what) {
    return {ErrorCode::SystemError, std::string(what) + " failed"};
}

void pause_briefly() { std::this_thread::sleep_for(Millis(1)); }

}  // namespace

std::string ProcessRig::why_not(const Case& played) {
    if (!played.simulated_only.empty()) return played.simulated_only;
    if (!played.known_gap.empty()) return "known gap: " + played.known_gap;
    if (!played.hooks.empty()) return "plugins with answers from the script are built in only here";
    std::uint64_t waits = 0;
    for (const Step& step : played.steps) {
        if (step.words[0].is("advance"))
            waits += parse_duration_ms(step.words[1].value).value_or(0);
    }
    return waits > kLongestWait_ms ? "needs more time than real time should take" : "";
}

ProcessRig::ProcessRig() {
    std::string name = (std::filesystem::temp_directory_path() / "vmq_conformance_XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) folder_ = name;
}

ProcessRig::~ProcessRig() {
    if (process_ > 0) {
        ::kill(process_, SIGKILL);
        (void)::waitpid(process_, nullptr, 0);
    }
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Result<std::unique_ptr<ProcessRig>> ProcessRig::make(const std::string& program,
                                                     std::uint32_t shards, const Case& played) {
    std::unique_ptr<ProcessRig> rig(new ProcessRig);
    if (rig->folder_.empty()) return system_error("mkdtemp");
    if (auto started = rig->start(program, conf_text(played, shards)); !started) {
        return started.error();
    }
    return rig;
}

Result<void> ProcessRig::start(const std::string& program, const std::string& conf) {
    const auto options = options_of(conf);
    if (!options) return options.error();
    std::vector<std::string> listeners;
    for (const auto& each : options.value().listeners) listeners.push_back(each.name);

    const std::string file = folder_ / "vernemq.conf";
    std::ofstream(file) << conf << "platform_data_dir = " << (folder_ / "data").string() << '\n';
    std::array<int, 2> output{};
    if (::pipe2(output.data(), O_CLOEXEC) != 0) return system_error("pipe2");
    const std::string errors_file = folder_ / "errors";
    const int errors = ::open(errors_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    process_ = ::fork();
    if (process_ == 0) {
        ::dup2(output[1], STDOUT_FILENO);
        ::dup2(errors, STDERR_FILENO);
        ::execl(program.c_str(), program.c_str(), "console", "-c", file.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(output[1]);
    auto read = process_ > 0 ? read_ports(output[0], listeners) : system_error("fork");
    ::close(output[0]);
    ::close(errors);
    if (!read) {
        std::ostringstream why;
        why << read.error().detail << ' ' << std::ifstream(errors_file).rdbuf();
        return Error{read.error().code, why.str()};
    }
    return read;
}

/// The broker prints a line per listener when clients can connect.
Result<void> ProcessRig::read_ports(int output, const std::vector<std::string>& listeners) {
    std::string text;
    while (ports_.size() < listeners.size()) {
        std::array<char, 512> buffer;
        pollfd waiting{output, POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(Millis(kPatience).count())) <= 0) {
            return Error{ErrorCode::Unavailable, "the broker does not say where it listens"};
        }
        const ssize_t got = ::read(output, buffer.data(), buffer.size());
        if (got <= 0) return Error{ErrorCode::Unavailable, "the broker did not start: " + text};
        text.append(buffer.data(), static_cast<std::size_t>(got));
        std::size_t end = text.find('\n');
        for (; end != std::string::npos; end = text.find('\n')) {
            const auto words = split(text.substr(0, end), ' ');
            text.erase(0, end + 1);
            if (words.size() < 3 || words[0] != "listening") continue;
            const auto port = parse_number(words[2].substr(words[2].rfind(':') + 1));
            ports_[listeners[ports_.size()]] = static_cast<std::uint16_t>(port.value_or(0));
        }
    }
    return {};
}

Result<int> ProcessRig::connect(std::string_view listener) {
    const auto port = ports_.find(listener);
    if (port == ports_.end()) {
        return Error{ErrorCode::NotFound, fmt::format("no listener {}", listener)};
    }
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port->second);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        return system_error("connect");
    }
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

Result<void> ProcessRig::settle(const Exchange& exchange) {
    while (exchange()) {
    }
    return {};
}

void ProcessRig::await(const Exchange& exchange, const std::function<bool()>& satisfied) {
    const TimePoint deadline = steady_now() + kPatience;
    while (!satisfied() && steady_now() < deadline) {
        if (!exchange()) pause_briefly();
    }
}

void ProcessRig::await_silence(const Exchange& exchange) { (void)advance(kSilence, exchange); }

Result<void> ProcessRig::advance(Millis time, const Exchange& exchange) {
    const TimePoint end = steady_now() + time;
    while (steady_now() < end) {
        if (!exchange()) pause_briefly();
    }
    return {};
}

Result<void> ProcessRig::shut_down(const Exchange& exchange) {
    ::kill(process_, SIGTERM);
    return settle(exchange);
}

}  // namespace vmq::conformance
