#include "bench/way_client.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace vmq::bench {
namespace {

constexpr std::size_t kReadSize = 64UL * 1024;
constexpr std::array<unsigned char, 4> kMask = {0x5a, 0xc3, 0x17, 0x88};

void append_16(std::string& to, std::size_t number) {
    to += static_cast<char>(number >> 8U);
    to += static_cast<char>(number);
}

void append_text(std::string& to, std::string_view text) {
    append_16(to, text.size());
    to += text;
}

void append_length(std::string& to, std::size_t length) {
    for (; length >= 128; length /= 128) to += static_cast<char>(length % 128 | 128U);
    to += static_cast<char>(length);
}

/// The payload of one masked binary frame [RFC 6455 5.2].
void append_frame(std::string& to, std::string_view payload) {
    to += '\x82';
    if (payload.size() < 126) {
        to += static_cast<char>(0x80U | payload.size());
    } else if (payload.size() < 65'536) {
        to += '\xfe';
        append_16(to, payload.size());
    } else {
        to += '\xff';
        append_16(to, 0);
        append_16(to, 0);
        append_16(to, payload.size() >> 16U);
        append_16(to, payload.size());
    }
    to.append(reinterpret_cast<const char*>(kMask.data()), kMask.size());
    for (std::size_t i = 0; i < payload.size(); ++i) {
        to += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ kMask[i % kMask.size()]);
    }
}

std::size_t byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

/// 127.0.0.1 to 127.0.0.200, so that no address runs out of ports.
sockaddr_in loopback(std::size_t host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(host % 200));
    address.sin_port = htons(port);
    return address;
}

}  // namespace

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
Loop::~Loop() { ::close(epoll_); }

void Loop::watch(Client& client, bool writable, bool known) {
    epoll_event event{};
    event.events = EPOLLIN | (writable ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    event.data.ptr = &client;
    (void)::epoll_ctl(epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, client.fd(), &event);
}

void Loop::watch_timer(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    (void)::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

bool Loop::poll(int timeout_ms) {
    std::array<epoll_event, 512> events;
    const int count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
    bool timer = false;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto* client = static_cast<Client*>(event.data.ptr);
        timer = timer || client == nullptr;
        if (client == nullptr || client->fd() < 0) continue;
        client->on_ready((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0,
                         (event.events & EPOLLOUT) != 0);
    }
    return timer;
}

Client::Client(Loop& loop, const Target& target, ClientEvents& events, std::size_t number)
    : loop_(loop), target_(target), events_(events), number_(number) {}

Client::~Client() { stop(); }

void Client::start() {
    stop();
    stage_ = Stage::Connecting;
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
        fmt::print(stderr, "way_load: no socket: {}; raise ulimit -n\n", std::strerror(errno));
        std::exit(2);
    }
    const int on = 1;
    (void)::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const sockaddr_in source = loopback(number_, 0);
    (void)::bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source);
    const sockaddr_in address = loopback(0, target_.port);
    const int status = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (status != 0 && errno != EINPROGRESS) return end();
    wants_write_ = true;
    loop_.watch(*this, true, false);
}

void Client::stop() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    ssl_.reset();
    stage_ = Stage::Ended;
    wants_write_ = false;
    for (std::string* each : {&plain_, &out_, &wire_, &in_}) std::string().swap(*each);
}

void Client::end() {
    stop();
    events_.on_end(*this);
}

void Client::want_write(bool wanted) {
    if (fd_ < 0 || std::exchange(wants_write_, wanted) == wanted) return;
    loop_.watch(*this, wanted, true);
}

void Client::on_ready(bool readable, bool writable) {
    if (stage_ == Stage::Connecting) return on_connected();
    if (stage_ == Stage::Securing) return secure();
    if (writable) write();
    if (readable && fd_ >= 0) read();
}

void Client::on_connected() {
    int error = 0;
    socklen_t size = sizeof error;
    (void)::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return end();
    if (!target_.hello.empty()) {
        stage_ = Stage::Hanging;
        out_ = target_.hello;
        return write();
    }
    if (target_.tls == nullptr) return on_secured();
    ssl_.reset(SSL_new(target_.tls));
    SSL_set_fd(ssl_.get(), fd_);
    SSL_set_connect_state(ssl_.get());
    stage_ = Stage::Securing;
    secure();
}

void Client::secure() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
        events_.on_secure(*this);
        if (fd_ >= 0) on_secured();
        return;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return end();
    want_write(error == SSL_ERROR_WANT_WRITE);
}

void Client::on_secured() {
    if (!websocket()) return greet();
    stage_ = Stage::Upgrading;
    out_ =
        "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n";
    write();
}

void Client::greet() {
    stage_ = Stage::Greeting;
    send(connect_packet(fmt::format("way-{}-{}-{}", ::getpid(), target_.port, number_)));
    flush();
}

void Client::flush() {
    if (fd_ < 0 || plain_.empty()) return;
    if (websocket()) {
        append_frame(out_, plain_);
        plain_.clear();
    } else if (out_.empty()) {
        out_.swap(plain_);
    } else {
        out_ += std::exchange(plain_, {});
    }
    write();
}

long Client::write_some() {
    if (ssl_ == nullptr) {
        const ssize_t count = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
        return count < 0 && errno == EAGAIN ? 0 : count;
    }
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_.get(), out_.data(), out_.size(), &count);
    if (result == 1) return static_cast<long>(count);
    return SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

void Client::write() {
    std::size_t done = 0;
    while (!out_.empty()) {
        const long count = write_some();
        if (count < 0) return end();
        if (count == 0) break;
        done = static_cast<std::size_t>(count);
        out_.erase(0, done);
    }
    want_write(!out_.empty());
}

void Client::read() {
    thread_local std::array<char, kReadSize> buffer;
    while (fd_ >= 0) {
        if (ssl_ == nullptr) {
            const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
            if (count < 0 && errno == EAGAIN) return;
            if (count <= 0) return end();
            return take({buffer.data(), static_cast<std::size_t>(count)});
        }
        std::size_t count = 0;
        ERR_clear_error();
        const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
        if (result == 1) {
            take({buffer.data(), count});
            continue;
        }
        if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) return end();
        return;
    }
}

void Client::take(std::string_view bytes) {
    if (stage_ == Stage::Answered) return;
    if (stage_ == Stage::Hanging) {
        stage_ = Stage::Answered;
        return events_.on_secure(*this);
    }
    if (!websocket()) {
        in_ += bytes;
        return take_packets();
    }
    wire_ += bytes;
    if (stage_ == Stage::Upgrading && !take_answer()) return;
    if (fd_ < 0) return;
    take_frames();
    take_packets();
}

/// The broker's HTTP answer. True: the WebSocket is open.
bool Client::take_answer() {
    const auto end_of_head = wire_.find("\r\n\r\n");
    if (end_of_head == std::string::npos) return false;
    if (!wire_.starts_with("HTTP/1.1 101")) {
        end();
        return false;
    }
    wire_.erase(0, end_of_head + 4);
    greet();
    return true;
}

void Client::take_frames() {
    std::size_t at = 0;
    while (wire_.size() - at >= 2) {
        std::size_t size = byte_at(wire_, at + 1) & 0x7fU;
        std::size_t header = 2;
        if (size >= 126) {
            const std::size_t bytes = size == 126 ? 2 : 8;
            header += bytes;
            if (wire_.size() - at < header) break;
            size = 0;
            for (std::size_t i = 0; i < bytes; ++i) size = size << 8U | byte_at(wire_, at + 2 + i);
        }
        if (wire_.size() - at < header + size) break;
        if ((byte_at(wire_, at) & 0x0fU) <= 2) in_.append(wire_, at + header, size);
        at += header + size;
    }
    wire_.erase(0, at);
}

void Client::take_packets() {
    std::size_t at = 0;
    while (fd_ >= 0 && in_.size() - at >= 2) {
        std::size_t length = 0;
        std::size_t body = at + 1;
        unsigned shift = 0;
        bool more = true;
        while (more && body < in_.size()) {
            const std::size_t byte = byte_at(in_, body++);
            length |= (byte & 0x7fU) << shift;
            shift += 7;
            more = byte >= 0x80;
        }
        if (more || in_.size() - body < length) break;
        const auto head = static_cast<std::uint8_t>(in_[at]);
        const std::string_view content = std::string_view(in_).substr(body, length);
        at = body + length;
        if (stage_ != Stage::Greeting) {
            events_.on_packet(*this, head, content);
        } else if (head == 0x20 && length >= 2 && content[1] == 0) {
            stage_ = Stage::Open;
            events_.on_open(*this);
        } else {
            return end();
        }
    }
    if (fd_ >= 0) in_.erase(0, at);
}

std::string packet(std::uint8_t head, std::string_view body) {
    std::string result(1, static_cast<char>(head));
    append_length(result, body.size());
    result += body;
    return result;
}

std::string connect_packet(std::string_view client_id) {
    std::string body;
    append_text(body, "MQTT");
    body += '\x04';
    body += '\x02';  // clean session
    append_16(body, 600);
    append_text(body, client_id);
    return packet(0x10, body);
}

std::string subscribe_packet(std::string_view filter, int qos) {
    std::string body;
    append_16(body, 1);
    append_text(body, filter);
    body += static_cast<char>(qos);
    return packet(0x82, body);
}

void append_publish(std::string& to, std::string_view topic, std::uint16_t id,
                    std::string_view payload) {
    to += static_cast<char>(id == 0 ? 0x30 : 0x32);
    append_length(to, 2 + topic.size() + (id == 0 ? 0U : 2U) + payload.size());
    append_text(to, topic);
    if (id != 0) append_16(to, id);
    to += payload;
}

Publication read_publish(std::uint8_t head, std::string_view body) {
    const std::size_t topic = byte_at(body, 0) << 8U | byte_at(body, 1);
    body.remove_prefix(2 + topic);
    if ((head & 0x06U) == 0) return {0, body};
    const auto id = static_cast<std::uint16_t>(byte_at(body, 0) << 8U | byte_at(body, 1));
    return {id, body.substr(2)};
}

}  // namespace vmq::bench
