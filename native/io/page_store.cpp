#include "page_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>
#include <utility>
#include <vector>

#include "checksum.h"
#include "core/error.h"
#include "sha256.h"

namespace blocksight {
namespace {

constexpr size_t kUnit = 4096;  // parts begin at multiples of it
// Of the file and of what its parts mean. 2: int8 index keys lie in two planes. 3: the KV part has
// checksums by piece.
constexpr uint32_t kVersion = 3;
constexpr char kMagic[8] = {'B', 'S', 'P', 'A', 'G', 'E', '\r', '\n'};
constexpr const char* kPageEnd = ".page";
constexpr const char* kTemporaryEnd = ".tmp";
constexpr size_t kKeyDigits = 64;

struct Header {
  char magic[8];
  uint32_t version, header_bytes;
  PageKey key;
  uint64_t index_bytes, kv_bytes;
  uint64_t index_checksum, list_checksum;
  uint64_t header_checksum;  // of all before
};
static_assert(sizeof(Header) == 88);
constexpr size_t kCheckedHeader = offsetof(Header, header_checksum);

uint64_t round_up(uint64_t bytes) {
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

// Of the header and the list of checksums behind it.
uint64_t front_bytes(size_t pieces) { return round_up(sizeof(Header) + pieces * sizeof(uint64_t)); }

// A descriptor that closes itself; `close` reports what close(2) said.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  int close() {
    const int result = fd_ >= 0 && ::close(fd_) != 0 ? errno : 0;
    fd_ = -1;
    return result;
  }

 private:
  int fd_;
};

bool read_all(int fd, std::span<std::byte> out, uint64_t offset) {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return true;
}

// How many pages are open in this process, and how many may be: half of the system's limit.
std::atomic<uint64_t> open_pages{0};

uint64_t most_open_pages() {
  struct rlimit limit {};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? uint64_t{limit.rlim_cur} / 2 : 0;
}

// Whoever reads a piece says so himself; what the system would read around it is seldom wanted.
void expect_pieces([[maybe_unused]] int fd) {
#ifdef POSIX_FADV_RANDOM
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
#endif
}

void begin_to_read([[maybe_unused]] int fd, [[maybe_unused]] uint64_t offset,
                   [[maybe_unused]] uint64_t bytes) {
#ifdef POSIX_FADV_WILLNEED
  ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
#endif
}

class OpenKv final : public StoredKv {
 public:
  OpenKv(int fd, std::string path, uint64_t offset, size_t piece_bytes,
         std::vector<uint64_t> checksums)
      : file_(fd),
        path_(std::move(path)),
        offset_(offset),
        piece_bytes_(piece_bytes),
        checksums_(std::move(checksums)) {
    open_pages++;
  }
  ~OpenKv() override { open_pages--; }

  void announce(size_t piece) const override {
    begin_to_read(file_.fd(), offset_ + piece * piece_bytes_, piece_bytes_);
  }
  bool read(size_t piece, std::span<std::byte> out) const override {
    if (read_all(file_.fd(), out, offset_ + piece * piece_bytes_) &&
        checksum64(out.data(), out.size()) == checksums_[piece])
      return true;
    ::unlink(path_.c_str());
    return false;
  }

 private:
  const File file_;
  const std::string path_;
  const uint64_t offset_;
  const size_t piece_bytes_;
  const std::vector<uint64_t> checksums_;
};

// 0 or the errno.
int make_folders(const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return errno;
    if (at == std::string::npos) return 0;
  }
}

struct Entry {
  std::string name;
  uint64_t bytes;
  timespec used;
};

class FolderPageStore final : public PageStore {
 public:
  FolderPageStore(const std::string& dir, uint64_t limit, PageStoreHooks hooks)
      : folder_(dir + "/v1"), limit_(limit), hooks_(std::move(hooks)) {
    prepare_folder();
    remove_abandoned();
    held_ = total(pages());
  }

  bool contains(const PageKey& key) override { return ::access(path(key).c_str(), R_OK) == 0; }

  void announce(const PageKey& key, size_t index_bytes, size_t pieces) override {
    const File file(open_to_read(path(key)));
    if (!file.ok()) return;
    expect_pieces(file.fd());
    begin_to_read(file.fd(), 0, front_bytes(pieces) + index_bytes);
  }

  std::unique_ptr<StoredKv> open_page(const PageKey& key, std::span<std::byte> index,
                                      size_t kv_bytes, size_t pieces) override {
    const std::string file_path = path(key);
    File file(open_to_read(file_path));
    if (!file.ok()) return nullptr;
    expect_pieces(file.fd());
    std::vector<uint64_t> checksums(pieces);
    if (!read_front(file.fd(), key, index, kv_bytes, checksums)) {
      ::unlink(file_path.c_str());
      return nullptr;
    }
    touch(file.fd());
    return std::make_unique<OpenKv>(file.release(), file_path,
                                    front_bytes(pieces) + round_up(index.size()),
                                    kv_bytes / pieces, std::move(checksums));
  }

  bool has_room_to_open() const override { return open_pages < most_open_pages(); }

  void save(const PageKey& key, std::span<const std::byte> index, std::span<const std::byte> kv,
            size_t pieces) override {
    const uint64_t bytes = file_bytes(index.size(), kv.size(), pieces);
    if (bytes > limit_) return;
    const File existing(open_to_read(path(key)));
    if (existing.ok()) {
      touch(existing.fd());
      return;
    }
    make_room(bytes);
    int reason = write_page(key, index, kv, pieces);
    if (reason == ENOENT) {  // the folder is gone
      prepare_folder();
      reason = write_page(key, index, kv, pieces);
    }
    if (reason == 0) return;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    throw Error(full ? BS_DISK_FULL : BS_UNREADABLE,
                (full ? "no room for a page in " : "cannot write a page in ") + folder_ + ": " +
                    std::strerror(reason));
  }

  void clear() override {
    for (const Entry& entry : pages()) ::unlink((folder_ + "/" + entry.name).c_str());
    remove_abandoned();
    const std::lock_guard lock(mutex_);
    held_ = 0;
    written_ = 0;
  }

  uint64_t bytes() override { return total(pages()); }

 private:
  static uint64_t file_bytes(uint64_t index, uint64_t kv, size_t pieces) {
    return front_bytes(pieces) + round_up(index) + kv;
  }
  static std::vector<uint64_t> checksums_of(std::span<const std::byte> kv, size_t pieces) {
    const size_t bytes = kv.size() / pieces;
    std::vector<uint64_t> out;
    for (size_t i = 0; i < pieces; i++) out.push_back(checksum64(kv.data() + i * bytes, bytes));
    return out;
  }
  static int open_to_read(const std::string& file_path) {
    return ::open(file_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  }
  std::string path(const PageKey& key) const { return folder_ + "/" + hex(key) + kPageEnd; }
  int before(const char* step) const { return hooks_.before ? hooks_.before(step) : 0; }

  void prepare_folder() const {
    if (const int reason = make_folders(folder_); reason != 0)
      throw Error(BS_UNREADABLE,
                  "cannot create the page store " + folder_ + ": " + std::strerror(reason));
    const File folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    struct stat info {};
    if (!folder.ok() || ::fstat(folder.fd(), &info) != 0)
      throw Error(BS_UNREADABLE, "the page store " + folder_ + " is no folder that can be opened");
    if (info.st_uid != ::geteuid())
      throw Error(BS_UNREADABLE, "the page store " + folder_ + " belongs to another user");
    if ((info.st_mode & 0777) != 0700 && ::fchmod(folder.fd(), 0700) != 0)
      throw Error(BS_UNREADABLE, "cannot make the page store " + folder_ + " private");
  }

  // The header, the list of checksums and the index part.
  static bool read_front(int fd, const PageKey& key, std::span<std::byte> index, size_t kv_bytes,
                         std::span<uint64_t> checksums) {
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return false;
    if (static_cast<uint64_t>(info.st_size) !=
        file_bytes(index.size(), kv_bytes, checksums.size()))
      return false;
    std::vector<std::byte> front(front_bytes(checksums.size()));
    if (!read_both(fd, front, index)) return false;
    Header header;
    std::memcpy(&header, front.data(), sizeof(header));
    std::memcpy(checksums.data(), front.data() + sizeof(header), checksums.size_bytes());
    return std::memcmp(header.magic, kMagic, sizeof(kMagic)) == 0 && header.version == kVersion &&
           header.header_bytes == front.size() && header.key == key &&
           header.header_checksum == checksum64(&header, kCheckedHeader) &&
           header.index_bytes == index.size() && header.kv_bytes == kv_bytes &&
           header.list_checksum == checksum64(checksums.data(), checksums.size_bytes()) &&
           header.index_checksum == checksum64(index.data(), index.size());
  }

  // From the file's start, in one call where the system gives all at once.
  static bool read_both(int fd, std::span<std::byte> front, std::span<std::byte> index) {
    const iovec both[] = {{front.data(), front.size()}, {index.data(), index.size()}};
    const ssize_t got = ::preadv(fd, both, 2, 0);
    if (got == static_cast<ssize_t>(front.size() + index.size())) return true;
    return read_all(fd, front, 0) && read_all(fd, index, front.size());
  }

  // A new temporary file with its lock held, or -1 and the errno. The lock says that the writer
  // lives, in every process and container; it dies with it. Between the two calls a cleaner may take
  // the file for abandoned: cleaners remove names only under the lock, so the one look after it is
  // enough, and another name is tried.
  int create_locked(const PageKey& key, std::string& name) const {
    static std::atomic<uint64_t> counter{0};
    for (;;) {
      name = folder_ + "/" + hex(key) + "." + std::to_string(::getpid()) + "-" +
             std::to_string(counter++) + kTemporaryEnd;
      const int fd =
          ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd < 0) return -1;
      struct stat info {};
      const bool locked = ::flock(fd, LOCK_EX) == 0 && ::fstat(fd, &info) == 0;
      if (locked && info.st_nlink > 0) return fd;
      const int reason = errno;
      ::unlink(name.c_str());
      ::close(fd);
      if (!locked) {
        errno = reason;
        return -1;
      }
    }
  }

  // 0 or the errno; after a failure the temporary file is gone.
  int write_page(const PageKey& key, std::span<const std::byte> index,
                 std::span<const std::byte> kv, size_t pieces) {
    if (const int reason = before("create")) return reason;
    std::string temporary;
    const File file(create_locked(key, temporary));
    if (!file.ok()) return errno;
    int reason = write_parts(file.fd(), key, index, kv, pieces);
    if (reason == 0) reason = before("rename");
    if (reason == 0 && ::rename(temporary.c_str(), path(key).c_str()) != 0) reason = errno;
    if (reason != 0) {
      ::unlink(temporary.c_str());
      return reason;
    }
    const std::lock_guard lock(mutex_);
    held_ += file_bytes(index.size(), kv.size(), pieces);
    written_ += file_bytes(index.size(), kv.size(), pieces);
    return 0;
  }

  int write_parts(int fd, const PageKey& key, std::span<const std::byte> index,
                  std::span<const std::byte> kv, size_t pieces) const {
    const std::vector<uint64_t> checksums = checksums_of(kv, pieces);
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.header_bytes = static_cast<uint32_t>(front_bytes(pieces));
    header.key = key;
    header.index_bytes = index.size();
    header.kv_bytes = kv.size();
    header.index_checksum = checksum64(index.data(), index.size());
    header.list_checksum = checksum64(checksums.data(), pieces * sizeof(uint64_t));
    header.header_checksum = checksum64(&header, kCheckedHeader);
    std::vector<std::byte> front(front_bytes(pieces));
    std::memcpy(front.data(), &header, sizeof(header));
    std::memcpy(front.data() + sizeof(header), checksums.data(), pieces * sizeof(uint64_t));
    const std::vector<std::byte> gap(round_up(index.size()) - index.size());
    uint64_t offset = 0;
    for (const std::span<const std::byte> part :
         {std::span<const std::byte>(front), index, std::span<const std::byte>(gap), kv})
      if (const int reason = write_all(fd, part, offset)) return reason;
    // Some file systems say only here that the disk is full; the descriptor keeps the lock.
    if (const int reason = before("close")) return reason;
    File copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return copy.ok() ? copy.close() : errno;
  }

  int write_all(int fd, std::span<const std::byte> data, uint64_t& offset) const {
    while (!data.empty()) {
      if (const int reason = before("write")) return reason;
      const size_t size = std::min(data.size(), hooks_.write_bytes);
      const ssize_t put = ::pwrite(fd, data.data(), size, static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return put < 0 ? errno : ENOSPC;
      data = data.subspan(static_cast<size_t>(put));
      offset += static_cast<uint64_t>(put);
    }
    return 0;
  }

  static void touch(int fd) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const timespec times[2] = {now, now};
    ::futimens(fd, times);
  }

  template <typename Visit>
  void each_file(Visit visit) const {
    DIR* dir = ::opendir(folder_.c_str());
    if (dir == nullptr) return;
    while (const dirent* entry = ::readdir(dir)) visit(std::string(entry->d_name));
    ::closedir(dir);
  }

  std::vector<Entry> pages() const {
    std::vector<Entry> out;
    each_file([&](const std::string& name) {
      struct stat info {};
      if (name.size() != kKeyDigits + std::strlen(kPageEnd) || !name.ends_with(kPageEnd)) return;
      if (::lstat((folder_ + "/" + name).c_str(), &info) != 0) return;
      out.push_back({name, static_cast<uint64_t>(info.st_size), info.st_mtim});
    });
    return out;
  }

  static uint64_t total(const std::vector<Entry>& entries) {
    uint64_t sum = 0;
    for (const Entry& entry : entries) sum += entry.bytes;
    return sum;
  }

  // Temporary files whose writer no longer holds its lock.
  void remove_abandoned() const {
    each_file([&](const std::string& name) {
      if (name.size() <= kKeyDigits || !name.ends_with(kTemporaryEnd)) return;
      const std::string file_path = folder_ + "/" + name;
      const File file(::open(file_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      if (file.ok() && ::flock(file.fd(), LOCK_EX | LOCK_NB) == 0) ::unlink(file_path.c_str());
    });
  }

  // Looks at the folder where our own count exceeds the limit, or after 1/32 of the limit was
  // written, since other processes write too. Frees 1/16 more than needed, so as not to look again
  // for every page. Two processes that evict at once remove a few pages too many, never one in use:
  // an open file outlives its name.
  void make_room(uint64_t needed) {
    {
      const std::lock_guard lock(mutex_);
      if (held_ + needed <= limit_ && written_ <= limit_ / 32) return;
      written_ = 0;
    }
    std::vector<Entry> entries = pages();
    uint64_t sum = total(entries);
    if (sum + needed > limit_) {
      const uint64_t target = limit_ - std::min(limit_ - needed, limit_ / 16) - needed;
      std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        if (a.used.tv_sec != b.used.tv_sec) return a.used.tv_sec < b.used.tv_sec;
        return a.used.tv_nsec < b.used.tv_nsec;
      });
      for (const Entry& entry : entries) {
        if (sum <= target) break;
        if (before("evict") != 0) break;
        ::unlink((folder_ + "/" + entry.name).c_str());
        sum -= entry.bytes;
      }
      remove_abandoned();
    }
    const std::lock_guard lock(mutex_);
    held_ = sum;
  }

  const std::string folder_;
  const uint64_t limit_;
  const PageStoreHooks hooks_;
  std::mutex mutex_;
  uint64_t held_ = 0;     // our count of all pages, right when last looked
  uint64_t written_ = 0;  // by us since then
};

}  // namespace

bool PageStore::load(const PageKey& key, std::span<std::byte> index, std::span<std::byte> kv,
                     size_t pieces) {
  const std::unique_ptr<StoredKv> stored = open_page(key, index, kv.size(), pieces);
  if (!stored) return false;
  const size_t bytes = kv.size() / pieces;
  for (size_t i = 0; i < pieces; i++) stored->announce(i);
  for (size_t i = 0; i < pieces; i++) {
    if (!stored->read(i, kv.subspan(i * bytes, bytes))) return false;
  }
  return true;
}

std::unique_ptr<PageStore> PageStore::open(const std::string& dir, uint64_t limit_bytes,
                                           PageStoreHooks hooks) {
  return std::make_unique<FolderPageStore>(dir, limit_bytes, std::move(hooks));
}

}  // namespace blocksight
