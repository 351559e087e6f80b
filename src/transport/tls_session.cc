#include "transport/tls_session.h"

#include <fmt/core.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "base/assert.h"
#include "transport/tls_handles.h"
#include "transport/tls_verify.h"

namespace vmq::transport {

// The BIO between OpenSSL and a TlsSession: no buffer of its own.
struct TlsWire {
    static TlsSession::Wire& of(BIO* bio) {
        return *static_cast<TlsSession::Wire*>(BIO_get_data(bio));
    }

    static int read(BIO* bio, char* into, int size) {
        std::string_view& in = of(bio).in;
        BIO_clear_retry_flags(bio);
        if (in.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t count = std::min(in.size(), static_cast<std::size_t>(size));
        std::memcpy(into, in.data(), count);
        in.remove_prefix(count);
        return static_cast<int>(count);
    }

    static int write(BIO* bio, const char* from, int size) {
        VMQ_ASSERT(of(bio).out != nullptr);
        of(bio).out->bytes().append(from, static_cast<std::size_t>(size));
        return size;
    }

    static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static BIO_METHOD* make_method() {
        BIO_METHOD* method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "vmq wire");
        VMQ_ASSERT(method != nullptr);
        BIO_meth_set_read(method, &read);
        BIO_meth_set_write(method, &write);
        BIO_meth_set_ctrl(method, &control);
        return method;
    }

    static BIO* make(TlsSession::Wire& wire) {
        static const BIO_METHOD* const method = make_method();
        BIO* bio = BIO_new(method);
        VMQ_ASSERT(bio != nullptr);
        BIO_set_data(bio, &wire);
        BIO_set_init(bio, 1);
        return bio;
    }
};

namespace {

constexpr std::size_t kHeaderBytes = 5;  // type:u8, version:u16, length:u16
constexpr std::size_t kMaxPlainBytes = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t kMaxBodyBytes = kMaxPlainBytes + 2048;  // [RFC 5246, 6.2.3], 1.3 allows less
constexpr std::size_t kMaxHelloBytes = 32UL * 1024;

// OpenSSL 3.0 on x86-64, a connection without anything under way: tls_bench.cc measures it.
constexpr std::size_t kSslBytes = 14UL * 1024;

std::uint8_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}

std::size_t body_size(std::string_view header) {
    return static_cast<std::size_t>(number_at(header, 3)) << 8U | number_at(header, 4);
}

bool is_header(std::string_view header) {
    return number_at(header, 0) >= SSL3_RT_CHANGE_CIPHER_SPEC &&
           number_at(header, 0) <= SSL3_RT_APPLICATION_DATA &&
           number_at(header, 1) == SSL3_VERSION_MAJOR && body_size(header) <= kMaxBodyBytes;
}

// The size of the whole records at the start of `wire`; stops before one with a bad header.
std::size_t whole_records(std::string_view wire) {
    std::size_t size = 0;
    while (wire.size() - size >= kHeaderBytes) {
        const std::string_view header = wire.substr(size, kHeaderBytes);
        if (!is_header(header)) break;
        const std::size_t next = size + kHeaderBytes + body_size(header);
        if (next > wire.size()) break;
        size = next;
    }
    return size;
}

bool is_http(std::string_view first) {
    constexpr std::array<std::string_view, 9> kMethods = {
        "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "PATCH ", "TRACE "};
    return std::any_of(kMethods.begin(), kMethods.end(), [first](std::string_view method) {
        return first.size() > 1 && method.starts_with(first.substr(0, method.size()));
    });
}

// What else the first bytes look like; empty while they may be TLS.
std::string describe_stranger(std::string_view first) {
    constexpr std::uint8_t kMqttConnect = 0x10;
    const std::uint8_t type = number_at(first, 0);
    if (type == SSL3_RT_HANDSHAKE &&
        (first.size() < 2 || number_at(first, 1) == SSL3_VERSION_MAJOR))
        return {};
    if (type == kMqttConnect)
        return "not TLS: looks like plain MQTT; connect with TLS, or to a listener.tcp port";
    if (is_http(first))
        return "not TLS: looks like plain HTTP; use https or wss, or a listener without TLS";
    if (first.starts_with("PROXY") || type == '\r')
        return "not TLS: looks like a PROXY protocol header; the listener takes one with "
               "proxy_protocol = on";
    return "not TLS: the first byte is none of a TLS client";
}

// OpenSSL reserves what the first message announces, up to 128 kB, before it has arrived.
bool announces_too_much(std::string_view first_record) {
    constexpr std::size_t kLengthEnd = kHeaderBytes + 4;
    if (first_record.size() < kLengthEnd) return false;
    const std::size_t size = static_cast<std::size_t>(number_at(first_record, 6)) << 16U |
                             static_cast<std::size_t>(number_at(first_record, 7)) << 8U |
                             number_at(first_record, 8);
    return size > kMaxHelloBytes;
}

// The certificates a client sent besides its own are needed for the check only.
void drop_sent_chain(SSL& ssl) {
    STACK_OF(X509)* chain = SSL_get_peer_cert_chain(&ssl);
    while (sk_X509_num(chain) > 0) X509_free(sk_X509_pop(chain));
}

}  // namespace

void TlsSession::Release::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, std::uint32_t records_per_key)
    : context_(std::move(context)), records_per_key_(records_per_key) {}
TlsSession::TlsSession(std::shared_ptr<const TlsClientContext> context, const std::string& host,
                       OutputBuffer& out, std::uint32_t records_per_key)
    : client_context_(std::move(context)), records_per_key_(records_per_key) {
    ssl_.reset(client_context_->new_connection(host));
    if (ssl_ == nullptr) {
        fail("no memory for a TLS connection");
        return;
    }
    attach_wire();
    SSL_set_connect_state(ssl_.get());
    notes_->expected_host = host;
    wire_.out = &out;
    ERR_clear_error();
    advance_handshake();
    wire_ = {};
}

TlsSession::~TlsSession() = default;

TlsSession::Status TlsSession::receive(std::string_view wire, std::string& plain,
                                       OutputBuffer& out) {
    wire_.out = &out;
    ERR_clear_error();
    while (!wire.empty() && (status_ == Status::Handshaking || status_ == Status::Open)) {
        if (!held_.empty()) {
            if (!hold(wire)) break;
            const std::string record = std::exchange(held_, {});
            feed(record, plain);
        } else if (const std::size_t size = whole_records(wire); size > 0) {
            feed(wire.substr(0, size), plain);
            wire.remove_prefix(size);
        } else if (!hold(wire)) {
            break;
        }
    }
    wire_ = {};
    return status_;
}

// Moves the rest of a record from `wire` to what is held. True: it is whole.
bool TlsSession::hold(std::string_view& wire) {
    const auto take = [this, &wire](std::size_t until) {
        const std::size_t count = std::min(until - held_.size(), wire.size());
        held_.append(wire.substr(0, count));
        wire.remove_prefix(count);
        return held_.size() == until;
    };
    const bool whole_header = held_.size() >= kHeaderBytes || take(kHeaderBytes);
    if (ssl_ == nullptr) {
        if (std::string what = describe_stranger(held_); !what.empty()) {
            fail(std::move(what));
            return false;
        }
    }
    if (!whole_header) return false;
    if (!is_header(held_)) {
        fail(is_client() ? "not TLS: what the server sent is no record of it; is it the port of a "
                           "listener with TLS?"
                         : "what the client sent is not a TLS record");
        return false;
    }
    return take(kHeaderBytes + body_size(held_));
}

bool TlsSession::begin(std::string_view first_record) {
    if (std::string what = describe_stranger(first_record); !what.empty()) {
        fail(std::move(what));
        return false;
    }
    if (announces_too_much(first_record)) {
        fail(fmt::format("the client's hello is larger than {} bytes", kMaxHelloBytes));
        return false;
    }
    ssl_.reset(context_->new_connection());
    if (ssl_ == nullptr) {
        fail("no memory for a TLS connection");
        return false;
    }
    attach_wire();
    SSL_set_accept_state(ssl_.get());
    return true;
}

void TlsSession::attach_wire() {
    BIO* bio = TlsWire::make(wire_);
    SSL_set_bio(ssl_.get(), bio, bio);
    notes_ = std::make_unique<HandshakeNotes>();
    set_notes(*ssl_, notes_.get());
}

// `records` are whole, so OpenSSL keeps nothing of them.
void TlsSession::feed(std::string_view records, std::string& plain) {
    if (ssl_ == nullptr && !begin(records)) return;
    wire_.in = records;
    if (status_ == Status::Handshaking) advance_handshake();
    if (status_ == Status::Open) read(plain, records.size());
    wire_.in = {};
}

void TlsSession::advance_handshake() {
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
        finish_handshake();
    } else if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
        fail();
    }
}

void TlsSession::finish_handshake() {
    status_ = Status::Open;
    if (notes_->psk_known) psk_identity_ = std::move(notes_->psk_identity);
    set_notes(*ssl_, nullptr);
    notes_.reset();
    const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate != nullptr && !is_client() && context_->takes_identity()) {
        auto identity = identity_of(*certificate);
        if (!identity) return fail("the client's certificate: " + identity.error().detail);
        identity_ = std::move(identity).value();
    }
    if (certificate != nullptr) drop_sent_chain(*ssl_);
    handshake_done_ = true;
}

// What `most` bytes of records say is shorter than they are, so one reservation is enough.
void TlsSession::read(std::string& plain, std::size_t most) {
    const std::size_t before = plain.size();
    plain.resize(before + most);
    std::size_t used = before;
    int result = 0;
    do {
        std::size_t count = 0;
        result = SSL_read_ex(ssl_.get(), plain.data() + used, plain.size() - used, &count);
        if (result == 1) used += count;
    } while (result == 1);
    plain.resize(used);
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) {
        status_ = Status::PeerClosed;
    } else if (error != SSL_ERROR_WANT_READ) {
        fail();
    }
}

bool TlsSession::send(OutputBuffer& plain, OutputBuffer& out) {
    if (ssl_ == nullptr || closed_ || status_ == Status::Handshaking || status_ == Status::Failed)
        return false;
    constexpr std::size_t kPieces = 64;
    std::array<OutputBuffer::Piece, kPieces> pieces;
    std::array<char, kMaxPlainBytes> record;  // gathers small pieces
    std::size_t gathered = 0;
    wire_.out = &out;
    ERR_clear_error();
    bool good = true;
    while (good && !plain.empty()) {
        const std::size_t count = plain.gather(pieces.data(), pieces.size());
        std::size_t taken = 0;
        for (OutputBuffer::Piece piece : std::span(pieces).first(count)) {
            taken += piece.size;
            const bool last = taken == plain.size();
            while (good && piece.size > 0) {
                if (gathered == 0 && (piece.size >= record.size() || last)) {
                    const std::size_t direct =
                        last ? piece.size : piece.size / record.size() * record.size();
                    good = write(piece.data, direct);
                    piece = {piece.data + direct, piece.size - direct};
                } else {
                    const std::size_t part = std::min(piece.size, record.size() - gathered);
                    std::memcpy(record.data() + gathered, piece.data, part);
                    gathered += part;
                    piece = {piece.data + part, piece.size - part};
                    if (gathered == record.size())
                        good = write(record.data(), std::exchange(gathered, 0));
                }
            }
        }
        plain.consume(taken);
    }
    if (good && gathered > 0) good = write(record.data(), gathered);
    wire_ = {};
    return good;
}

bool TlsSession::write(const char* data, std::size_t size) {
    std::size_t written = 0;
    if (SSL_write_ex(ssl_.get(), data, size, &written) != 1) {
        fail();
        return false;
    }
    VMQ_ASSERT(written == size);
    records_sent_ += static_cast<std::uint32_t>((size + kMaxPlainBytes - 1) / kMaxPlainBytes);
    if (records_sent_ >= records_per_key_ && SSL_version(ssl_.get()) == TLS1_3_VERSION) {
        records_sent_ = 0;
        SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    }
    return true;
}

void TlsSession::close(OutputBuffer& out) {
    if (ssl_ == nullptr || closed_ || status_ == Status::Handshaking || status_ == Status::Failed)
        return;
    closed_ = true;
    wire_.out = &out;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    wire_ = {};
}

void TlsSession::fail() {
    fail(describe_failure(notes_.get(), is_client() ? TlsRole::Client : TlsRole::Server));
}

void TlsSession::fail(std::string why) {
    status_ = Status::Failed;
    error_ = std::move(why);
    held_ = {};
    ssl_.reset();
    notes_.reset();
    ERR_clear_error();
}

std::string TlsSession::peer_certificate() const {
    const X509* certificate = ssl_ == nullptr ? nullptr : SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return {};
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    if (size < 0) return {};
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

std::string_view TlsSession::protocol() const {
    return ssl_ == nullptr ? std::string_view() : SSL_get_version(ssl_.get());
}

std::string_view TlsSession::cipher() const {
    return ssl_ == nullptr ? std::string_view() : SSL_get_cipher_name(ssl_.get());
}

std::string_view TlsSession::server_name() const {
    const char* name =
        ssl_ == nullptr ? nullptr : SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? std::string_view() : name;
}

bool TlsSession::resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_.get()) == 1; }

std::string TlsSession::channel_binding() const {
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    std::string binding(32, '\0');
    VMQ_ASSERT(ssl_ != nullptr && handshake_done_);
    VMQ_ASSERT(SSL_export_keying_material(
                   ssl_.get(), reinterpret_cast<unsigned char*>(binding.data()), binding.size(),
                   kLabel.data(), kLabel.size(), nullptr, 0, 0) == 1);
    return binding;
}

std::size_t TlsSession::memory() const noexcept {
    return sizeof *this + held_.capacity() + error_.capacity() + psk_identity_.capacity() +
           (identity_ ? identity_->capacity() : 0) + (ssl_ == nullptr ? 0 : kSslBytes);
}

}  // namespace vmq::transport
