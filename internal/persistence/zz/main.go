package main
import ("fmt";"strings";"time";"runtime";"mvdan.cc/sh/v3/syntax")
func main(){
 for _,p:=range []string{"(","$(","if ","{ ","a|","a&&","`","${a:-","$((","((","[[ (","case x in x) ","! ","time ","<(","\"$(","f()","while ","$((1+(","a=(","a[$","$[", "@(", "[[ ! ", "$((-", "$((a=","let a=","coproc ","a;","a\n","<<E ", "echo $(($(("} {
  for _, n := range []int{65536} {
  s:=strings.Repeat(p,n/len(p))
  t:=time.Now()
  var ms runtime.MemStats
  f,err:=syntax.NewParser().Parse(strings.NewReader(s),"")
  c:=0
  if f!=nil { syntax.Walk(f,func(syntax.Node)bool{c++;return true}) }
  runtime.ReadMemStats(&ms)
  e:=fmt.Sprint(err); if len(e)>60 {e=e[:60]}
  fmt.Printf("%-12q %d %v stack=%dMB sys=%dMB nodes=%d %s\n",p,n,time.Since(t).Round(time.Millisecond),ms.StackInuse>>20,ms.Sys>>20,c,e)
 }}
}
